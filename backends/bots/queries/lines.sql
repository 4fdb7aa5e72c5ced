-- The newest $4 lines of a session ($1) that have a time, before the cursor ($2, $3; null for the first page).
-- Reads the session's lines by their index on session_id, and sorts them: flat only with one on
-- (session_id, start_time, transcript_id). Texts are cut at 600 characters. Needs SELECT on transcripts.
SELECT transcript_id::text AS transcript_id, start_time AS at, left(text, 600) AS text, char_length(text) AS length,
       left(language::text, 20) AS language, confidence, left(source::text, 100) AS source,
       left(coalesce(speaker_name, speaker_id)::text, 300) AS speaker
FROM public.transcripts
WHERE session_id = $1
  AND start_time IS NOT NULL
  AND ($2::timestamptz IS NULL OR (start_time, transcript_id) < ($2, $3))
ORDER BY start_time DESC, transcript_id DESC
LIMIT $4
