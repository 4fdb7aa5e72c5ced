-- Changes that are logged and not applied yet, and all that came and went since the log was made, as the statistics
-- have them: a look at the counters of two tables.
SELECT greatest(pg_stat_get_live_tuples(c.oid), 0) AS backlog,
    pg_stat_get_tuples_inserted(c.oid) AS came, pg_stat_get_tuples_deleted(c.oid) AS went, clock_timestamp() AS at
FROM pg_class c
WHERE c.relname IN ('console_chunks_changes', 'console_chunks_since') AND c.relkind = 'r'
  AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('chunks'))
ORDER BY c.oid;
