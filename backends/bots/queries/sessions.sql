-- The sessions with the ids in $1, newest first, by primary key. Needs SELECT on bot_sessions.
-- The metadata of an extended session is parsed by whoever reads it: one document that the server can't take apart,
-- as one with \u0000 in it, would fail the query for every other row.
-- A name that the table lacks finds the null of `absent` instead: an older model A has no `recovering`.
SELECT page.*
FROM (
  SELECT NULL::text AS bot_id, NULL::text AS meeting_id, NULL::text AS meeting_title, NULL::text AS bot_type,
         NULL::boolean AS recovering, NULL::timestamptz AS started_at, NULL::timestamptz AS ended_at,
         NULL::json AS target_languages, NULL::boolean AS enable_transcription, NULL::text AS error_message,
         NULL::json AS session_metadata, NULL::xid AS xmin
) AS absent
CROSS JOIN LATERAL (
  SELECT session_id::text AS session_id, left(status::text, 100) AS status, created_at, started_at, ended_at,
         left(bot_id::text, 300) AS bot_id, left(meeting_id::text, 300) AS meeting_id,
         left(meeting_title::text, 600) AS title, left(bot_type::text, 100) AS platform, recovering,
         left(target_languages::text, 600) AS target_languages, enable_transcription AS transcribes,
         left(error_message::text, 600) AS error, xmin::text AS version,
         CASE WHEN strpos(session_metadata::text, '"extended_s"') > 0
              THEN left(session_metadata::text, 100000) END AS metadata
  FROM public.bot_sessions
  WHERE session_id = ANY ($1)
) AS page
ORDER BY page.created_at DESC, page.session_id DESC
