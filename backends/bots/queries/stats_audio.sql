-- A session's ($1) audio files in all: seconds and bytes. Needs SELECT on audio_files.
SELECT count(*) AS total_audio_files, coalesce(sum(duration), 0) AS total_audio_duration,
       coalesce(sum(file_size), 0)::bigint AS total_audio_size
FROM public.audio_files
WHERE session_id = $1
