-- A session's ($1) processing time in seconds, and the mean quality of its audio. Needs SELECT on processing_metrics.
SELECT sum(total_processing_time_ms) / 1000 AS processing_time, avg(output_quality_score) AS audio_quality_score
FROM public.processing_metrics
WHERE session_id = $1
