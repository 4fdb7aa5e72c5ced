-- What a session's ($1) metadata says of chunking and streaming, at most 4,000 characters each.
-- Needs SELECT on bot_sessions.
SELECT left((session_metadata::json -> 'audio_config')::text, 4000) AS config,
       left((session_metadata::json -> 'streaming')::text, 4000) AS streaming
FROM public.bot_sessions
WHERE session_id = $1
