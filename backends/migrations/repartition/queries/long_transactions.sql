-- Transactions of more than a minute, and prepared ones: the list of sessions; without pg_monitor only one's own are
-- told in full.
SELECT said FROM (
    SELECT xact_start AS since, format('pid %s %s, %s for %s s', pid,
        coalesce(nullif(application_name, ''), usename::text, '?'), coalesce(state, 'state unknown'),
        extract(epoch FROM clock_timestamp() - xact_start)::int) AS said
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND xact_start < clock_timestamp() - interval '1 minute'
    UNION ALL
    SELECT prepared, format('prepared transaction %s of %s for %s s', gid, owner,
        extract(epoch FROM clock_timestamp() - prepared)::int)
    FROM pg_prepared_xacts WHERE database = current_database()
) AS found
ORDER BY since;
