-- Events of all sessions from $1 on, and errors among them. Cost grows with the events of that time, which an index
-- on the timestamp finds. Needs SELECT on session_events.
SELECT count(*) AS events, count(*) FILTER (WHERE severity IN ('error', 'critical')) AS errors
FROM public.session_events
WHERE timestamp >= $1
