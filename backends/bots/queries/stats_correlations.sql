-- A session's ($1) correlations in all; those of a confidence of 0.7 or more are the accurate ones.
-- Needs SELECT on correlations.
SELECT count(*) AS total_correlations, avg((confidence >= 0.7)::int) AS correlation_accuracy
FROM public.correlations
WHERE session_id = $1
