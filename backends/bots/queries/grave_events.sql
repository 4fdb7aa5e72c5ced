-- The newest $2 events of a session ($1) that call for a look: of any severity but debug and info. Walks the index on
-- (session_id, timestamp) until there are as many. Needs SELECT on session_events.
SELECT event_id::text AS event_id, timestamp AS at, left(event_type::text, 100) AS type, left(event_name::text, 300) AS name,
       left(severity::text, 50) AS severity, left(source::text, 100) AS source, left(event_data::text, 2000) AS data
FROM public.session_events
WHERE session_id = $1
  AND lower(severity::text) NOT IN ('debug', 'info')
ORDER BY timestamp DESC, event_id DESC
LIMIT $2
