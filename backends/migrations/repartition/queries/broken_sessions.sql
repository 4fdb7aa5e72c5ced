-- Applications with sessions that sit in a failed transaction now: one look at the sessions of this database.
SELECT coalesce(nullif(application_name, ''), 'without a name') AS name, count(*) AS sessions
FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction (aborted)'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
