-- Whether a database is there, and its comment: one look at the catalogue; any user may.
SELECT shobj_description(oid, 'pg_database') AS comment
FROM pg_database
WHERE datname = $1;
