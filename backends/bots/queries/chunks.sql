-- A session's ($1) processed chunks: how many, real-time factor on average and at p95, and in how many of them stages
-- were bypassed, warned or failed. Reads the session's rows by their index. Needs SELECT on processing_metrics.
SELECT count(*) AS number, avg(real_time_factor) AS factor,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY real_time_factor) AS factor_p95,
       count(*) FILTER (WHERE coalesce(stages_bypassed::text, '[]') NOT IN ('[]', 'null')) AS bypassed,
       count(*) FILTER (WHERE coalesce(performance_warnings::text, '[]') NOT IN ('[]', 'null')) AS warnings,
       count(*) FILTER (WHERE coalesce(stages_with_errors::text, '[]') NOT IN ('[]', 'null')) AS errors
FROM public.processing_metrics
WHERE session_id = $1
