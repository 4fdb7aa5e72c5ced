-- A session's ($1) metadata, which says something of chunking and streaming; at most 100,000 characters. It is parsed
-- by whoever reads it: the server can't take every document apart that it stores. Needs SELECT on bot_sessions.
SELECT left(session_metadata::text, 100000) AS metadata
FROM public.bot_sessions
WHERE session_id = $1
