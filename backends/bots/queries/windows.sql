-- The service's newest window of each length, all sessions together. Reads the index on length and start.
-- Needs SELECT on processing_statistics.
SELECT DISTINCT ON (time_window_minutes)
       time_window_minutes AS minutes, window_end AS until, total_chunks AS chunks, p95_processing_time_ms AS p95_ms,
       p99_processing_time_ms AS p99_ms, error_rate, latency_warnings_rate AS late_rate
FROM public.processing_statistics
WHERE time_window_minutes IN (1, 5, 15, 60)
ORDER BY time_window_minutes, window_start DESC
