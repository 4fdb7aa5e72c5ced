-- Sessions that hold a lock on one of the tables or its partitions, oldest transaction first: the lock table; a user
-- without pg_monitor sees the pid and the names, not what it executes.
SELECT DISTINCT a.pid, a.usename::text AS name, a.application_name AS application, a.state, l.mode,
    extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation IN (
      SELECT to_regclass(quote_ident(t))::oid FROM unnest($1::text[]) t
      UNION ALL
      SELECT i.inhrelid FROM pg_inherits i
      WHERE i.inhparent IN (SELECT to_regclass(quote_ident(t))::oid FROM unnest($1::text[]) t)
  )
ORDER BY seconds DESC NULLS LAST, a.pid;
