-- A session's ($1) newest $2 audio files. Reads them by their index on session_id. Needs SELECT on audio_files.
SELECT file_id::text AS file_id, left(filename::text, 300) AS name, left(file_path::text, 1000) AS path,
       file_size AS size, left(file_hash::text, 64) AS hash, left(mime_type::text, 100) AS mime, duration, sample_rate,
       channels, start_time, end_time,
       left(session_metadata::text, 4000) AS metadata
FROM public.audio_files
WHERE session_id = $1
ORDER BY created_at DESC, file_id DESC
LIMIT $2
