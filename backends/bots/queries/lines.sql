-- The newest $4 lines of a session ($1) that have a time, before the cursor ($2, $3; null for the first page).
-- Walks the index on (session_id, start_time, transcript_id) from the cursor on, so a page costs the same wherever it is;
-- an older model A without it sorts the session's lines. Texts are cut at 600 characters. Needs SELECT on transcripts.
SELECT transcript_id::text AS transcript_id, start_time AS at, left(text, 600) AS text, char_length(text) AS length,
       left(language::text, 20) AS language, confidence, left(source::text, 100) AS source,
       left(speaker_name::text, 300) AS speaker, left(speaker_id::text, 100) AS speaker_id
FROM public.transcripts
WHERE session_id = $1
  AND start_time IS NOT NULL
  AND ($2::timestamptz IS NULL OR (start_time, transcript_id) < ($2, $3))
ORDER BY start_time DESC, transcript_id DESC
LIMIT $4
