-- Ends the connection of one backend, if it is still the one that was meant: a pid alone may be another's by now.
-- Cost: one row. Privilege: pg_read_all_stats to see when it began; being the same role or pg_signal_backend to send; a
-- superuser's sessions need a superuser.
WITH there AS MATERIALIZED (
    SELECT
        pid,
        backend_start IS NULL AS hidden,
        coalesce(to_json(backend_start) #>> '{}' = $2, false) AS same
    FROM pg_stat_activity
    WHERE pid = $1
)
SELECT hidden, CASE WHEN same THEN pg_terminate_backend(pid) ELSE false END AS sent FROM there
