-- Client connections by application, address and state, with the server's limits.
-- Cost: one pass over pg_stat_activity in shared memory. Privilege: pg_read_all_stats (pg_monitor has it); without it
-- another role's connections have no state, no address and no type, and are counted as hidden.
WITH clients AS (
    SELECT
        coalesce(application_name, '') AS app,
        CASE WHEN client_port = -1 THEN 'local socket' ELSE host(client_addr) END AS host,
        state,
        wait_event_type AS waits_for,
        backend_type IS NULL AS hidden,
        extract(epoch FROM clock_timestamp() - state_change)::float8 AS state_s
    FROM pg_stat_activity
    WHERE backend_type = 'client backend'
        OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)
)
SELECT
    app, host, state, waits_for, hidden,
    count(*)::int AS n,
    max(state_s) AS longest_s,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int AS limit,
    current_user::text AS role,
    pg_backend_pid() AS pid
FROM clients
GROUP BY app, host, state, waits_for, hidden
