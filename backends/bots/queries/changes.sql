-- The newest $3 events of a session ($1) that changed its status (types or names in $2). As events.sql in cost and needs.
SELECT timestamp AS at, left(event_type::text, 100) AS type, left(event_name::text, 300) AS name,
       left(event_data::text, 2000) AS data
FROM public.session_events
WHERE session_id = $1
  AND (event_type = ANY ($2::text[]) OR event_name = ANY ($2::text[]))
ORDER BY timestamp DESC, event_id DESC
LIMIT $3
