-- Ids of the newest sessions that say they are live (words $1, at most $2), and of the newest of all (at most $3).
-- Reads the index on status, and the end of the one on created_at. Needs SELECT on bot_sessions.
(
  SELECT session_id::text AS session_id
  FROM public.bot_sessions
  WHERE status = ANY ($1::text[])
  ORDER BY created_at DESC
  LIMIT $2
)
UNION
(
  SELECT session_id::text
  FROM public.bot_sessions
  ORDER BY created_at DESC
  LIMIT $3
)
