-- What re-partitionings made and that is still there, partitions counted with their table, functions without a size,
-- rehearsals' schemas with all that is in them: catalogue, one stat a file.
WITH own AS (
    SELECT relnamespace AS oid FROM pg_class WHERE oid = to_regclass('chunks')
)
SELECT c.relname::text AS name,
    CASE c.relkind WHEN 'p' THEN 'table with its partitions' ELSE 'table' END AS kind,
    to_timestamp(substring(c.relname FROM '[0-9]{8}_[0-9]{6}$'), 'YYYYMMDD_HH24MISS') AS since,
    (pg_total_relation_size(c.oid)
        + (SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0) FROM pg_partition_tree(c.oid) t WHERE t.level > 0)
    )::bigint AS bytes
FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relnamespace = (SELECT oid FROM own)
  AND (c.relname LIKE 'chunks\_backup\_%' OR c.relname LIKE 'chunks\_undone\_%'
    OR c.relname IN ('chunks_next', 'console_chunks', 'console_chunks_changes', 'console_chunks_since'))
UNION ALL
SELECT p.proname || '()', 'function', NULL, 0
FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM own) AND p.proname LIKE 'console\_chunks\_%'
UNION ALL
SELECT t.tgname || ' on ' || c.relname, 'trigger', NULL, 0
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = (SELECT oid FROM own) AND NOT c.relispartition AND NOT t.tgisinternal
  AND t.tgname LIKE 'console\_chunks\_%'
UNION ALL
SELECT n.nspname::text, 'schema of a rehearsal',
    to_timestamp(substring(n.nspname FROM '[0-9]{8}_[0-9]{6}$'), 'YYYYMMDD_HH24MISS'),
    (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
     WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'm'))::bigint
FROM pg_namespace n WHERE n.nspname LIKE 'console\_rehearsal\_%'
ORDER BY 4 DESC, 1;
