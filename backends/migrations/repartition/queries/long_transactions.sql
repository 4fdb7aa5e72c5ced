-- Transactions of more than a minute: the list of sessions; without pg_monitor only one's own are told in full.
SELECT format('pid %s %s, %s for %s s', pid, coalesce(nullif(application_name, ''), usename::text, '?'),
    coalesce(state, 'state unknown'), extract(epoch FROM clock_timestamp() - xact_start)::int) AS said
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '1 minute'
ORDER BY xact_start;
