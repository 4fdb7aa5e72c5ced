-- Sessions and prepared transactions that hold a lock on one of the tables or its partitions, oldest transaction first:
-- the lock table; a user without pg_monitor sees the pid and the names, not what is executed.
WITH held AS (
    SELECT l.pid, l.virtualtransaction, l.mode
    FROM pg_locks l
    WHERE l.granted AND l.locktype = 'relation' AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.relation IN (
          SELECT to_regclass(t)::oid FROM unnest($1::text[]) t
          UNION ALL
          SELECT i.inhrelid FROM pg_inherits i
          WHERE i.inhparent IN (SELECT to_regclass(t)::oid FROM unnest($1::text[]) t)
      )
)
SELECT DISTINCT a.pid, a.usename::text AS name, a.application_name AS application, a.state, h.mode,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
FROM held h JOIN pg_stat_activity a ON a.pid = h.pid
UNION ALL
SELECT DISTINCT NULL::int, p.owner::text, 'prepared transaction ' || p.gid, 'prepared', h.mode,
    extract(epoch FROM clock_timestamp() - p.prepared)::float8
FROM held h JOIN pg_prepared_xacts p ON h.virtualtransaction = '-1/' || p.transaction::text
WHERE h.pid IS NULL
ORDER BY seconds DESC NULLS LAST, pid;
