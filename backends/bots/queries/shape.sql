-- Which of the tables ($1) exist, and which of their columns may be read. Catalog only: under a millisecond.
SELECT c.relname AS table_name,
       array_agg(a.attname::text) FILTER (WHERE has_column_privilege(c.oid, a.attnum, 'SELECT')) AS readable,
       array_agg(a.attname::text) FILTER (WHERE NOT has_column_privilege(c.oid, a.attnum, 'SELECT')) AS denied
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
WHERE n.nspname = 'public'
  AND c.relname = ANY ($1::text[])
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND a.attnum > 0
  AND NOT a.attisdropped
GROUP BY c.relname
