-- The tables whose changes are told by triggers that call the function ($1), and which changes. Catalog only. Needs
-- nothing.
SELECT c.relname::text AS table_name, bool_or(t.tgtype & 4 > 0) AS inserts, bool_or(t.tgtype & 8 > 0) AS deletes,
       bool_or(t.tgtype & 16 > 0) AS updates
FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE p.proname = $1
  AND n.nspname = 'public'
  AND t.tgenabled <> 'D'
GROUP BY c.relname
