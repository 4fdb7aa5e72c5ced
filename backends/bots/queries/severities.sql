-- A session's ($1) events by severity. Reads the session's rows by their index. Needs SELECT on session_events.
SELECT left(lower(severity::text), 50) AS severity, count(*) AS events
FROM public.session_events
WHERE session_id = $1
GROUP BY 1
ORDER BY count(*) DESC
LIMIT 20
