-- Which lines of one log are kept here: one pass over the audit table; SELECT on the table.
SELECT (entry->>'n')::int AS n, hash FROM console_audit WHERE entry->>'log' = $1;
