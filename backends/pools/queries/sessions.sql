-- The sessions worth naming: who blocks or is blocked first, then what runs or holds a transaction open, oldest first.
-- Cost: pg_stat_activity twice, in shared memory; the lock table only for sessions that wait for a lock, fifty at most.
-- Privilege: pg_read_all_stats (pg_monitor has it); without it other roles' sessions show no state and are left out.
WITH blocked AS (
    SELECT pid, pg_blocking_pids(pid) AS blocked_by FROM pg_stat_activity WHERE wait_event_type = 'Lock' LIMIT 50
),
blocker AS (
    SELECT DISTINCT unnest(blocked_by) AS pid FROM blocked
)
SELECT
    a.pid,
    to_json(a.backend_start) #>> '{}' AS started,
    coalesce(a.application_name, '') AS app,
    a.usename::text AS username,
    CASE WHEN a.client_port = -1 THEN 'local socket' ELSE host(a.client_addr) END AS host,
    a.datname::text AS database,
    a.state,
    extract(
        epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END
    )::float8 AS for_s,
    a.wait_event_type AS waits_for,
    a.wait_event AS waits_at,
    left(a.query, 400) AS query,
    coalesce(blocked.blocked_by, '{}') AS blocked_by
FROM pg_stat_activity a
LEFT JOIN blocked USING (pid)
LEFT JOIN blocker ON blocker.pid = a.pid
WHERE a.pid <> pg_backend_pid()
    AND (
        blocked.pid IS NOT NULL
        OR blocker.pid IS NOT NULL
        OR (
            a.backend_type = 'client backend'
            AND (
                a.state LIKE 'idle in transaction%'
                OR (a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client')
            )
        )
    )
ORDER BY (blocked.pid IS NULL AND blocker.pid IS NULL), for_s DESC NULLS LAST
LIMIT 50
