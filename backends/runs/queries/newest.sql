-- The newest runs: a read of the runs' table, which is small; needs SELECT on it.
SELECT id, kind, state, done, total, holder, since, why
FROM console_runs
ORDER BY since DESC NULLS LAST, id
LIMIT $1;
