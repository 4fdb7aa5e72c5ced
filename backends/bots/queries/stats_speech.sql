-- A session's ($1) transcript lines in all. Cost grows with them: 4 µs each for the words. Needs SELECT on transcripts.
SELECT count(*) AS total_transcripts,
       coalesce(sum(
         cardinality(array_remove(string_to_array(translate(text, E'\t\n\r\f\v', '     '), ' '), ''))
       ), 0) AS total_words,
       coalesce(sum(char_length(text)), 0) AS total_characters,
       avg(confidence) AS average_confidence,
       array_agg(DISTINCT left(language::text, 20)) AS languages_detected,
       count(DISTINCT coalesce(speaker_id, speaker_name)) AS unique_speakers
FROM public.transcripts
WHERE session_id = $1
