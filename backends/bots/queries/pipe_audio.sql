-- A session's ($1) audio files: how many, the newest's end, how many of them no transcript names. Reads the indexes on
-- session_id and audio_file_id. Needs SELECT on audio_files and transcripts.
SELECT count(*) AS number, max(coalesce(a.end_time, a.created_at)) AS at,
       count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM public.transcripts AS t WHERE t.audio_file_id = a.file_id)) AS lost
FROM public.audio_files AS a
WHERE a.session_id = $1
