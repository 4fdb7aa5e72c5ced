-- Ids of the sessions $1, of the bots' ($2) and of the meetings' ($3) newest, 100 each. Reads the primary key and the
-- indexes on bot_id and meeting_id. Needs SELECT on bot_sessions.
-- A name that the table lacks finds the null of `absent` instead.
SELECT page.*
FROM (SELECT NULL::text AS bot_id, NULL::text AS meeting_id) AS absent
CROSS JOIN LATERAL (
  (
    SELECT session_id::text AS session_id
    FROM public.bot_sessions
    WHERE session_id = ANY ($1::uuid[])
  )
  UNION
  (
    SELECT session_id::text
    FROM public.bot_sessions
    WHERE bot_id = ANY ($2::text[])
    ORDER BY created_at DESC
    LIMIT 100
  )
  UNION
  (
    SELECT session_id::text
    FROM public.bot_sessions
    WHERE meeting_id = ANY ($3::text[])
    ORDER BY created_at DESC
    LIMIT 100
  )
) AS page
