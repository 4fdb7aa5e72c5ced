-- What the service counts of its pipeline: the windows of 1, 5, 15 and 60 minutes that end now; those of a day ago go.
WITH gone AS (DELETE FROM processing_statistics WHERE window_end < now() - interval '1 day')
INSERT INTO processing_statistics (
    id, time_window_minutes, window_start, window_end, total_chunks, total_audio_duration_ms, avg_processing_time_ms,
    min_processing_time_ms, max_processing_time_ms, p95_processing_time_ms, p99_processing_time_ms, error_count,
    error_rate, latency_warnings_count, latency_warnings_rate
)
SELECT gen_random_uuid(), length.minutes, now() - length.minutes * interval '1 minute', now(), chunks.number,
       chunks.audio, chunks.average, chunks.least, chunks.most, chunks.p95, chunks.p99, chunks.errors,
       coalesce(chunks.errors::float / nullif(chunks.number, 0), 0), chunks.warnings,
       coalesce(chunks.warnings::float / nullif(chunks.number, 0), 0)
FROM (VALUES (1), (5), (15), (60)) AS length (minutes)
CROSS JOIN LATERAL (
    SELECT count(*) AS number, sum(m.audio_duration_ms) AS audio, avg(m.total_processing_time_ms) AS average,
           min(m.total_processing_time_ms) AS least, max(m.total_processing_time_ms) AS most,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY m.total_processing_time_ms) AS p95,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY m.total_processing_time_ms) AS p99,
           count(*) FILTER (WHERE m.stages_with_errors::text <> '[]') AS errors,
           count(*) FILTER (WHERE m.performance_warnings::text <> '[]') AS warnings
    FROM processing_metrics m WHERE m.timestamp >= now() - length.minutes * interval '1 minute'
) chunks
ON CONFLICT (time_window_minutes, window_start) DO NOTHING;
