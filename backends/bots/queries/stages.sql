-- A session's ($1) stages in their order: how often, latency (ms) at p95 and p99, its target, how often it was missed,
-- bypassed, failed. Reads the session's rows by their index. Needs SELECT on stage_metrics.
SELECT left(stage_name::text, 50) AS stage, count(*) AS number,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY processing_time_ms) FILTER (WHERE status = 'COMPLETED') AS p95_ms,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY processing_time_ms) FILTER (WHERE status = 'COMPLETED') AS p99_ms,
       max(target_latency_ms) AS target_ms,
       count(*) FILTER (WHERE latency_target_met IS FALSE) AS late,
       count(*) FILTER (WHERE status = 'BYPASSED') AS bypassed,
       count(*) FILTER (WHERE status = 'ERROR') AS errors
FROM public.stage_metrics
WHERE session_id = $1
GROUP BY stage_name
ORDER BY min(stage_order), stage_name
LIMIT 20
