-- Participants of each of the sessions ($1). Reads their index entries. Needs SELECT on participants.
SELECT session_id::text AS session_id, count(*) AS participants
FROM public.participants
WHERE session_id = ANY ($1)
GROUP BY session_id
