-- The first $2 participants of a session ($1) in the order of their joining. Needs SELECT on participants.
SELECT participant_id::text AS participant_id, left(name::text, 300) AS name, left(email::text, 300) AS email,
       left(speaker_id::text, 100) AS speaker_id, joined_at, left_at, speaking_time, word_count
FROM public.participants
WHERE session_id = $1
ORDER BY joined_at NULLS LAST, participant_id
LIMIT $2
