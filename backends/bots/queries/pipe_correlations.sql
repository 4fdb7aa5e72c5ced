-- A session's ($1) correlations: how many, the newest line that one is of, and of how many moments of ours they are.
-- Needs SELECT on correlations.
SELECT count(*) AS number, max(internal_timestamp) AS at, count(DISTINCT internal_timestamp) AS lines
FROM public.correlations
WHERE session_id = $1
