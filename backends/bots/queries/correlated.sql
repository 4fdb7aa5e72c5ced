-- A session's ($1) newest $2 correlations, as far as their values have ranges. Needs SELECT on correlations.
SELECT similarity_score, time_offset, confidence,
       left(session_metadata::text, 4000) AS metadata
FROM public.correlations
WHERE session_id = $1
ORDER BY internal_timestamp DESC, correlation_id DESC
LIMIT $2
