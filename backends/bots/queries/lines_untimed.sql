-- At most $3 lines of a session ($1) that have no time, before the cursor ($2; null for the first page); they come
-- after all others. As lines.sql in cost and needs.
SELECT transcript_id::text AS transcript_id, start_time AS at, left(text, 600) AS text, char_length(text) AS length,
       left(language::text, 20) AS language, confidence, left(source::text, 100) AS source,
       left(speaker_name::text, 300) AS speaker, left(speaker_id::text, 100) AS speaker_id
FROM public.transcripts
WHERE session_id = $1
  AND start_time IS NULL
  AND (transcript_id < $2 OR $2 IS NULL)
ORDER BY transcript_id DESC
LIMIT $3
