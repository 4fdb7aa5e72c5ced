-- All that belongs to the table and all that depends on it, as one JSON object: catalogue only; any user may.
WITH me AS (
    SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
), leaves AS (
    SELECT t.relid, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_partition_tree($1) t JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE t.isleaf
    UNION
    SELECT oid, format('%I.%I', nspname, relname) FROM me WHERE relkind = 'r'
), views AS (
    SELECT DISTINCT v.oid, v.relkind, v.reloptions, format('%I.%I', n.nspname, v.relname) AS name, d.refobjid
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class v ON v.oid = r.ev_class
    JOIN pg_namespace n ON n.oid = v.relnamespace
    WHERE d.refclassid = 'pg_class'::regclass AND d.deptype = 'n' AND v.relkind IN ('v', 'm')
      AND (d.refobjid = $1 OR d.refobjid IN (SELECT relid FROM leaves))
), indexes AS (
    SELECT x.*, i.relname, pg_get_indexdef(i.oid) AS def, k.conname, k.contype::text AS contype,
        (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = i.oid AND a.attnum <= x.indnkeyatts) AS names,
        pg_get_constraintdef(k.oid) AS condef, obj_description(i.oid, 'pg_class') AS comment
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x')
    WHERE x.indrelid = $1 OR (x.indrelid IN (SELECT relid FROM leaves)
        AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid))
)
SELECT jsonb_build_object(
    'schema', me.nspname,
    'kind', me.relkind,
    'owner', pg_get_userbyid(me.relowner),
    'persistence', me.relpersistence,
    'options', coalesce(to_jsonb(me.reloptions), '[]'),
    'key', pg_get_partkeydef(me.oid),
    'strategy', (SELECT partstrat::text FROM pg_partitioned_table WHERE partrelid = me.oid),
    'row_security', me.relrowsecurity,
    'force_row_security', me.relforcerowsecurity,
    'replica_identity', me.relreplident,
    'comment', obj_description(me.oid, 'pg_class'),
    'leaf_identities', (SELECT jsonb_agg(DISTINCT relreplident::text) FROM pg_class WHERE oid IN (SELECT relid FROM leaves)),
    'leaves', (SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM leaves),
    'columns', (
        SELECT jsonb_agg(jsonb_build_object(
            'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
            'identity', a.attidentity::text, 'generated', a.attgenerated::text,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'collation', (SELECT format('%I.%I', n.nspname, o.collname) FROM pg_collation o
                JOIN pg_namespace n ON n.oid = o.collnamespace
                WHERE o.oid = a.attcollation AND a.attcollation <> t.typcollation),
            'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END,
            'statistics', nullif(a.attstattarget, -1), 'options', coalesce(to_jsonb(a.attoptions), '[]'),
            'compression', nullif(to_jsonb(a) ->> 'attcompression', ''),
            'comment', col_description(a.attrelid, a.attnum)) ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = me.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'checks', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', conname, 'def', pg_get_constraintdef(oid), 'valid', convalidated)
            ORDER BY conname), '[]')
        FROM pg_constraint WHERE conrelid = me.oid AND contype = 'c'),
    'keys_out', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', conname, 'def', pg_get_constraintdef(oid),
            'table', confrelid::regclass::text, 'on_delete', confdeltype::text, 'valid', convalidated) ORDER BY conname), '[]')
        FROM pg_constraint WHERE conrelid = me.oid AND contype = 'f' AND conparentid = 0),
    'keys_in', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.conname, 'def', pg_get_constraintdef(k.oid),
            'table', k.conrelid::regclass::text, 'partitioned', c.relkind = 'p', 'valid', k.convalidated)
            ORDER BY k.conname), '[]')
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.confrelid = me.oid AND k.contype = 'f' AND k.conparentid = 0),
    'indexes', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', relname, 'def', def, 'primary', indisprimary,
            'unique', indisunique, 'constraint', conname, 'constraint_def', condef, 'columns', to_jsonb(names),
            'valid', indisvalid, 'comment', comment) ORDER BY relname), '[]')
        FROM indexes WHERE indrelid = me.oid AND coalesce(contype, '') <> 'x'),
    'leaf_indexes', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('rest', rest, 'unique', indisunique, 'number', number) ORDER BY rest), '[]')
        FROM (
            SELECT substring(def FROM ' USING .*$') AS rest, indisunique, count(*) AS number
            FROM indexes WHERE indrelid <> me.oid
            GROUP BY 1, 2) AS own),
    'exclusions', (SELECT count(*) FROM indexes WHERE contype = 'x'),
    'triggers', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.tgname, 'def', pg_get_triggerdef(t.oid),
            'enabled', t.tgenabled::text, 'function', t.tgfoid::regprocedure::text, 'source', f.prosrc) ORDER BY t.tgname), '[]')
        FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid WHERE t.tgrelid = me.oid AND NOT t.tgisinternal AND t.tgname NOT LIKE 'console\_%'),
    'leaf_triggers', (
        SELECT count(*) FROM pg_trigger t WHERE t.tgrelid IN (SELECT relid FROM leaves) AND t.tgrelid <> me.oid
        AND NOT t.tgisinternal AND t.tgname NOT LIKE 'console\_%' AND coalesce((to_jsonb(t) ->> 'tgparentid')::bigint, 0) = 0),
    'grants', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('column', g.col, 'grantee', coalesce(r.rolname, ''),
            'privilege', g.privilege_type, 'grantable', g.is_grantable) ORDER BY g.col NULLS FIRST, r.rolname, g.privilege_type), '[]')
        FROM (
            SELECT NULL::text AS col, (aclexplode(me.relacl)).*
            UNION ALL
            SELECT a.attname::text, (aclexplode(a.attacl)).* FROM pg_attribute a WHERE a.attrelid = me.oid AND a.attacl IS NOT NULL
        ) AS g LEFT JOIN pg_roles r ON r.oid = g.grantee),
    'policies', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', p.policyname, 'permissive', p.permissive, 'roles', to_jsonb(p.roles),
            'command', p.cmd, 'using', p.qual, 'check', p.with_check) ORDER BY p.policyname), '[]')
        FROM pg_policies p WHERE p.schemaname = me.nspname AND p.tablename = me.relname),
    'publications', (
        SELECT coalesce(jsonb_agg(p.pubname ORDER BY p.pubname), '[]')
        FROM pg_publication_rel l JOIN pg_publication p ON p.oid = l.prpubid WHERE l.prrelid = me.oid),
    'keyless_publications', (
        SELECT coalesce(jsonb_agg(DISTINCT p.pubname), '[]')
        FROM pg_publication_tables t JOIN pg_publication p ON p.pubname = t.pubname
        WHERE t.schemaname = me.nspname AND coalesce(to_jsonb(p) ->> 'pubgencols', 'n') <> 's'
          AND t.tablename IN (SELECT me.relname UNION ALL SELECT relname FROM pg_class WHERE oid IN (SELECT relid FROM leaves))),
    'filtered_publications', (
        SELECT count(*) FROM pg_publication_rel l WHERE l.prrelid = me.oid
        AND (to_jsonb(l) ->> 'prqual' IS NOT NULL OR to_jsonb(l) ->> 'prattrs' IS NOT NULL)),
    'sequence', (
        SELECT jsonb_build_object('name', format('%I.%I', n.nspname, s.relname), 'bare', s.relname, 'column', a.attname,
            'identity', d.deptype = 'i', 'start', q.seqstart, 'by', q.seqincrement, 'least', q.seqmin, 'most', q.seqmax,
            'cache', q.seqcache, 'cycle', q.seqcycle,
            'grants', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', NULL, 'grantee', coalesce(r.rolname, ''),
                'privilege', g.privilege_type, 'grantable', g.is_grantable) ORDER BY r.rolname, g.privilege_type), '[]')
                FROM aclexplode(s.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee))
        FROM pg_depend d JOIN pg_sequence q ON q.seqrelid = d.objid JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
        JOIN pg_attribute a ON a.attrelid = me.oid AND a.attnum = d.refobjsubid
        WHERE d.refobjid = me.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        ORDER BY a.attname <> 'id', s.relname LIMIT 1),
    'sequences', (
        SELECT count(*) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.refobjid = me.oid AND d.classid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')),
    'leaf_own', (
        SELECT coalesce(jsonb_agg(said ORDER BY said), '[]') FROM (
            SELECT format('%s of %s', conname, conrelid::regclass) AS said FROM pg_constraint
            WHERE conrelid IN (SELECT relid FROM leaves) AND conrelid <> me.oid
              AND (contype = 'c' AND coninhcount = 0 OR contype = 'f' AND conparentid = 0)
            UNION ALL
            SELECT format('%s to %s', conname, confrelid::regclass) FROM pg_constraint
            WHERE confrelid IN (SELECT relid FROM leaves) AND confrelid <> me.oid AND contype = 'f' AND conparentid = 0
            UNION ALL
            SELECT format('row-level security of %s', oid::regclass) FROM pg_class
            WHERE oid IN (SELECT relid FROM leaves) AND oid <> me.oid
              AND (relrowsecurity OR oid IN (SELECT polrelid FROM pg_policy))
            UNION ALL
            SELECT format('publication of %s', prrelid::regclass) FROM pg_publication_rel
            WHERE prrelid IN (SELECT relid FROM leaves) AND prrelid <> me.oid) AS found),
    'left_behind', (
        SELECT coalesce(jsonb_agg(DISTINCT said ORDER BY said), '[]') FROM (
            SELECT 'options of single partitions' AS said FROM pg_class
            WHERE oid IN (SELECT relid FROM leaves) AND oid <> me.oid AND reloptions IS NOT NULL
            UNION ALL
            SELECT 'privileges on single partitions' FROM pg_class c, aclexplode(c.relacl) g
            WHERE c.oid IN (SELECT relid FROM leaves) AND c.oid <> me.oid AND g.grantee <> c.relowner
            UNION ALL
            SELECT 'comments on single partitions' FROM leaves
            WHERE relid <> me.oid AND obj_description(relid, 'pg_class') IS NOT NULL
            UNION ALL
            SELECT format('tablespace %s', s.spcname) FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace
            WHERE c.oid = me.oid OR c.oid IN (SELECT relid FROM leaves) OR c.oid IN (SELECT indexrelid FROM indexes)
            UNION ALL
            SELECT format('comment on constraint %s', k.conname) FROM pg_constraint k
            WHERE k.conrelid = me.oid AND obj_description(k.oid, 'pg_constraint') IS NOT NULL
            UNION ALL
            SELECT format('comment on trigger %s', t.tgname) FROM pg_trigger t
            WHERE t.tgrelid = me.oid AND obj_description(t.oid, 'pg_trigger') IS NOT NULL
            UNION ALL
            SELECT format('comment on policy %s', p.polname) FROM pg_policy p
            WHERE p.polrelid = me.oid AND obj_description(p.oid, 'pg_policy') IS NOT NULL
            UNION ALL
            SELECT format('comment on statistics %s', s.stxname) FROM pg_statistic_ext s
            WHERE s.stxrelid = me.oid AND obj_description(s.oid, 'pg_statistic_ext') IS NOT NULL) AS found),
    'statistics', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, s.stxname), 'def', pg_get_statisticsobjdef(s.oid))
            ORDER BY s.stxname), '[]')
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = me.oid),
    'views', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', name, 'kind', relkind, 'def', pg_get_viewdef(oid),
            'options', coalesce(to_jsonb(reloptions), '[]')) ORDER BY name), '[]')
        FROM views WHERE refobjid = me.oid AND relkind = 'v'),
    'matviews', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', m.relname, 'schema', n.nspname, 'def', pg_get_viewdef(m.oid),
            'options', coalesce(to_jsonb(m.reloptions), '[]'), 'owner', pg_get_userbyid(m.relowner),
            'populated', m.relispopulated, 'comment', obj_description(m.oid, 'pg_class'),
            'read_by', (SELECT coalesce(jsonb_agg(DISTINCT r.ev_class::regclass::text), '[]') FROM pg_depend d
                JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
                WHERE d.refobjid = m.oid AND r.ev_class <> m.oid),
            'indexes', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', i.relname, 'def', pg_get_indexdef(i.oid),
                'unique', x.indisunique) ORDER BY i.relname), '[]')
                FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = m.oid),
            'grants', (SELECT coalesce(jsonb_agg(jsonb_build_object('column', NULL, 'grantee', coalesce(r.rolname, ''),
                'privilege', g.privilege_type, 'grantable', g.is_grantable) ORDER BY r.rolname, g.privilege_type), '[]')
                FROM aclexplode(m.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee)) ORDER BY m.relname), '[]')
        FROM pg_class m JOIN pg_namespace n ON n.oid = m.relnamespace
        WHERE m.oid IN (SELECT oid FROM views WHERE refobjid = me.oid AND relkind = 'm')),
    'leaf_views', (SELECT coalesce(jsonb_agg(DISTINCT name), '[]') FROM views WHERE refobjid <> me.oid),
    'functions', (
        SELECT coalesce(jsonb_agg(DISTINCT d.objid::regprocedure::text), '[]') FROM pg_depend d
        WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = me.oid),
    'typed_columns', (
        SELECT coalesce(jsonb_agg(DISTINCT a.attrelid::regclass::text), '[]') FROM pg_attribute a
        WHERE a.atttypid IN (me.reltype, (SELECT typarray FROM pg_type WHERE oid = me.reltype)) AND me.reltype <> 0),
    'rules', (SELECT count(*) FROM pg_rewrite WHERE ev_class = me.oid),
    'children', (SELECT count(*) FROM pg_inherits WHERE inhrelid = me.oid OR inhparent = me.oid AND me.relkind = 'r')
)
FROM me;
