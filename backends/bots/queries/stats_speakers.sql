-- Lines of each speaker of a session ($1), the 50 who said most. Needs SELECT on transcripts.
SELECT left(max(coalesce(speaker_name, speaker_id))::text, 300) AS speaker, count(*) AS lines
FROM public.transcripts
WHERE session_id = $1
  AND coalesce(speaker_id, speaker_name) IS NOT NULL
GROUP BY coalesce(speaker_id, speaker_name)
ORDER BY count(*) DESC, 1
LIMIT 50
