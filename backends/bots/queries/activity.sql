-- Events of each of the sessions ($1) from $2 on (null: all) and before $3 (null: all), with errors and the newest that
-- changed the status (types or names in $4). Cost grows with the events read. Needs SELECT on session_events.
SELECT session_id::text AS session_id,
       count(*) AS events,
       count(*) FILTER (WHERE severity IN ('error', 'critical')) AS errors,
       max(timestamp) AS last_at,
       max(timestamp) FILTER (WHERE event_type = ANY ($4::text[]) OR event_name = ANY ($4::text[])) AS changed_at
FROM public.session_events
WHERE session_id = ANY ($1)
  AND ($2::timestamptz IS NULL OR timestamp >= $2)
  AND ($3::timestamptz IS NULL OR timestamp < $3)
GROUP BY session_id
