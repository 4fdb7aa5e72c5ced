-- A session's ($1) lines: how many, the newest's end, how many name an audio file, and how many translations are wanted
-- of them: one into each of the languages ($2) but the line's own. Cost grows with them: under 1 µs each.
-- Needs SELECT on transcripts.
SELECT count(*) AS number, max(coalesce(end_time, start_time)) AS at, count(audio_file_id) AS of_audio,
       coalesce(sum(cardinality(array_remove($2::text[], language::text))), 0) AS expected
FROM public.transcripts
WHERE session_id = $1
