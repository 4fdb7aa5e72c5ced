-- Whether the runs' tables are there: one look at the catalogue; any user may.
SELECT to_regclass('console_runs') IS NOT NULL;
