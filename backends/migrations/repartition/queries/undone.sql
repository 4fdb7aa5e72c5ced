-- What rollbacks put aside in a schema, materialized views before tables: catalogue only; any user may.
SELECT c.relname::text AS name, CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('p', 'm') AND NOT c.relispartition AND c.relname LIKE 'chunks\_undone\_%'
ORDER BY c.relkind, c.relname;
