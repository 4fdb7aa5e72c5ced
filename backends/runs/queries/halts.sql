-- The kinds that must not run: a handful of rows; needs SELECT on console_run_halts.
SELECT kind, who, why, at FROM console_run_halts ORDER BY kind;
