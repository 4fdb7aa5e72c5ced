-- A session's ($1) participants in all. Needs SELECT on participants.
SELECT count(*) AS total_participants
FROM public.participants
WHERE session_id = $1
