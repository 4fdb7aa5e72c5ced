-- Tables named like backups that have no primary key, as CREATE TABLE AS makes them: catalogue only.
SELECT c.oid::regclass::text AS name
FROM pg_class c
WHERE c.relname LIKE 'chunks\_backup%' AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
ORDER BY 1;
