-- The server's version, and the bytes of the named tables with their indexes: one stat of each file.
SELECT current_setting('server_version_num')::int AS version,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    coalesce((SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS name), 0)::bigint AS bytes;
