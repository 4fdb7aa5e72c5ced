-- The logs of changes that are there, and what came to them and went, as the statistics have it: a look at the counters
-- of two tables, which a crash or a reset sets to 0.
SELECT format('%s.%I', c.relnamespace::regnamespace, c.relname) AS name,
    pg_stat_get_tuples_inserted(c.oid) AS came, pg_stat_get_tuples_deleted(c.oid) AS went, clock_timestamp() AS at
FROM pg_class c
WHERE c.relname IN ('console_chunks_changes', 'console_chunks_since') AND c.relkind = 'r'
  AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('chunks'))
ORDER BY c.oid;
