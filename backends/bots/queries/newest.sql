-- Ids of at most $4 sessions, newest first, after the cursor ($2, $3; null for the first page), of the statuses in $1
-- (null for all). Walks the index on created_at from the cursor on. Needs SELECT on bot_sessions.
SELECT session_id::text AS session_id
FROM public.bot_sessions
WHERE ($1::text[] IS NULL OR status = ANY ($1))
  AND ($2::timestamptz IS NULL OR (created_at, session_id) < ($2, $3))
ORDER BY created_at DESC, session_id DESC
LIMIT $4
