-- What was said in each of the sessions ($1), of lines from $2 on (null: all) and before $3 (null: all; lines without
-- a time count as before). Cost grows with the lines read: 4 µs each for the words. Needs SELECT on transcripts.
SELECT session_id::text AS session_id,
       count(*) AS lines,
       sum(cardinality(array_remove(string_to_array(translate(text, E'\t\n\r\f\v', '     '), ' '), ''))) AS words,
       max(coalesce(end_time, start_time)) AS last_at,
       array_agg(DISTINCT left(language::text, 20)) AS languages
FROM public.transcripts
WHERE session_id = ANY ($1)
  AND ($2::timestamptz IS NULL OR start_time >= $2)
  AND ($3::timestamptz IS NULL OR start_time < $3 OR start_time IS NULL)
GROUP BY session_id
