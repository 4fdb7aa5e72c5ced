-- Lines of each speaker of a session ($1), the 50 who said most. Needs SELECT on transcripts.
SELECT left(max(speaker_name)::text, 300) AS speaker, left(max(speaker_id)::text, 100) AS speaker_id, count(*) AS lines
FROM public.transcripts
WHERE session_id = $1
  AND coalesce(speaker_id, speaker_name) IS NOT NULL
GROUP BY coalesce(speaker_id, speaker_name)
ORDER BY count(*) DESC, 1, 2
LIMIT 50
