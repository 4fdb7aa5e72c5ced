-- The server's version and how many connections it allows to ordinary users. Reads settings only; needs no privilege.
SELECT current_setting('server_version') AS version,
       current_setting('server_version_num')::int AS number,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS connections
