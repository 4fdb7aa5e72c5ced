-- Changes that are logged and not applied yet, as the statistics estimate them: one look at the counters of two tables.
SELECT greatest(pg_stat_get_live_tuples(c.oid), 0) AS backlog
FROM pg_class c
WHERE c.relname IN ('console_chunks_changes', 'console_chunks_since') AND c.relkind = 'r';
