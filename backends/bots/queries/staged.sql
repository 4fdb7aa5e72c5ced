-- A session's ($1) newest $2 stages of chunks, as far as their values have ranges. Needs SELECT on stage_metrics.
SELECT left(chunk_id::text, 100) AS chunk_id, left(stage_name::text, 100) AS stage, left(status::text, 50) AS status,
       processing_time_ms AS time_ms
FROM public.stage_metrics
WHERE session_id = $1
ORDER BY timestamp DESC
LIMIT $2
