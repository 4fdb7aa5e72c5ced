-- The sessions that failed (words $1) within the last day, at most $2: when, and why. Reads the index on status.
-- Needs SELECT on bot_sessions. A name that the table lacks finds the null of `absent` instead.
SELECT page.*
FROM (SELECT NULL::timestamptz AS ended_at, NULL::text AS error_message) AS absent
CROSS JOIN LATERAL (
  SELECT coalesce(ended_at, created_at) AS at, left(error_message::text, 300) AS error
  FROM public.bot_sessions
  WHERE status = ANY ($1::text[])
    AND coalesce(ended_at, created_at) > now() - interval '1 day'
  LIMIT $2
) AS page
