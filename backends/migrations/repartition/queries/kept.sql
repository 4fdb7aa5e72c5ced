-- What re-partitionings made and that is still there, partitions counted with their table: catalogue, one stat a file.
SELECT c.relname::text AS name,
    to_timestamp(substring(c.relname FROM '[0-9]{8}_[0-9]{6}$'), 'YYYYMMDD_HH24MISS') AS since,
    (pg_total_relation_size(c.oid)
        + (SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0) FROM pg_partition_tree(c.oid) t WHERE t.level > 0)
    )::bigint AS bytes
FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
  AND (c.relname LIKE 'chunks\_backup\_%' OR c.relname LIKE 'chunks\_undone\_%'
    OR c.relname IN ('chunks_next', 'console_chunks_changes', 'console_chunks_since'))
ORDER BY 1;
