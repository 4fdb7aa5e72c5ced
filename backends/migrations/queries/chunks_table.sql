-- The table, how it is partitioned and its own size: one look at the catalogue; any user may.
SELECT
    c.oid::bigint AS oid,
    format('%I.%I', n.nspname, c.relname) AS name,
    c.relkind::text AS kind,
    p.partstrat::text AS strategy,
    pg_get_partkeydef(c.oid) AS key,
    c.reltuples::bigint AS tuples,
    coalesce(pg_stat_get_live_tuples(c.oid), 0) AS live,
    pg_total_relation_size(c.oid) AS bytes,
    parents.reltuples::bigint AS collections,
    current_setting('server_version_num')::int AS version
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
LEFT JOIN pg_class AS parents ON parents.relnamespace = c.relnamespace AND parents.relname = 'collections'
WHERE c.oid = to_regclass('chunks');
