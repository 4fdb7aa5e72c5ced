-- A session's ($1) newest $2 processed chunks, as far as their values have ranges. Needs SELECT on processing_metrics.
SELECT left(chunk_id::text, 100) AS chunk_id, total_processing_time_ms AS time_ms, input_quality_score AS quality_in,
       output_quality_score AS quality_out,
       coalesce(stages_with_errors::text, '[]') NOT IN ('[]', 'null') AS failed
FROM public.processing_metrics
WHERE session_id = $1
ORDER BY timestamp DESC
LIMIT $2
