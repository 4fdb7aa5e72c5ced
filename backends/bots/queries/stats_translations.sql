-- A session's ($1) translations in all, and how many lines have one. Needs SELECT on translations.
SELECT count(*) AS total_translations, avg(quality_score) AS translation_quality_score,
       count(DISTINCT transcript_id) AS translated_lines
FROM public.translations
WHERE session_id = $1
