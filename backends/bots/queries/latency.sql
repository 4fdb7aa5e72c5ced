-- Mean processing time (ms) of the chunks of each of the sessions ($1) since $2. Reads the index on timestamp: cost
-- grows with what was processed since then, not with the history. Needs SELECT on processing_metrics.
SELECT session_id::text AS session_id, avg(total_processing_time_ms) AS ms
FROM public.processing_metrics
WHERE timestamp >= $2::timestamptz
  AND session_id = ANY ($1)
GROUP BY session_id
