-- Whether the table of audit entries is there: one look at the catalogue; any user may.
SELECT to_regclass('console_audit') IS NOT NULL;
