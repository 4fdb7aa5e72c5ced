-- What the server counts of this database: one row; it lags by a second or so. No counter knows queries.
SELECT xact_commit AS commits, xact_rollback AS rollbacks, deadlocks
FROM pg_stat_database WHERE datname = current_database();
