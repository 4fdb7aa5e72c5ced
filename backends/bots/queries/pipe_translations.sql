-- A session's ($1) translations: how many, up to when what was said is translated, how many of the lines' translations
-- into the languages that are wanted ($2) there are, each once, and how many name no line. Cost grows with them: about
-- 1 µs each. Needs SELECT on translations.
SELECT coalesce(sum(number), 0) AS number, max(at) AS at,
       count(*) FILTER (WHERE transcript_id IS NOT NULL AND target_language = ANY ($2::text[]) AND translated) AS made,
       coalesce(sum(number) FILTER (WHERE transcript_id IS NULL), 0) AS unlinked
FROM (
  SELECT transcript_id, target_language::text AS target_language, count(*) AS number,
         max(coalesce(end_time, start_time)) AS at, bool_or(target_language <> source_language) AS translated
  FROM public.translations
  WHERE session_id = $1
  GROUP BY transcript_id, target_language
) AS pairs
