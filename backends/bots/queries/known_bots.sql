-- The newest session of each of the bots ($1) and the sessions ($2) that the service says it runs. Reads the index on
-- bot_id and the primary key. Needs SELECT on bot_sessions.
SELECT bot_id::text AS bot_id, session_id::text AS session_id, left(status::text, 100) AS status
FROM public.bot_sessions
WHERE bot_id = ANY ($1::text[])
   OR session_id = ANY ($2::uuid[])
ORDER BY created_at
