-- Who waits for a lock in this database and who is waited for: the sessions, and the lock table for those that wait.
-- Without pg_monitor others' waits are told without their state. Before 14 a wait counts from its query's start.
WITH waiting AS (
    SELECT a.pid, pg_blocking_pids(a.pid) AS blocked_by, extract(epoch FROM clock_timestamp() - coalesce(
        (SELECT min((to_jsonb(l) ->> 'waitstart')::timestamptz) FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted),
        a.query_start))::float8 AS waits_s
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' LIMIT 50
)
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename::text, '?') AS app, coalesce(a.state, '?') AS state,
    coalesce(w.blocked_by, '{}') AS blocked_by, w.waits_s
FROM pg_stat_activity a LEFT JOIN waiting w ON w.pid = a.pid
WHERE w.pid IS NOT NULL OR a.pid IN (SELECT unnest(blocked_by) FROM waiting)
ORDER BY w.waits_s DESC NULLS FIRST;
