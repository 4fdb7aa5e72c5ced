-- A session's ($1) translations: how many, up to when what was said is translated, and how many lines have one. Cost
-- grows with them: about 1 µs each. Needs SELECT on translations.
SELECT count(*) AS number, max(coalesce(end_time, start_time)) AS at, count(DISTINCT transcript_id) AS lines
FROM public.translations
WHERE session_id = $1
