-- Lines of a session ($1) from the cursor ($2, $3; null: the beginning) on, counted up to $4. An index-only scan of the
-- window. Needs SELECT on transcripts.
SELECT count(*) AS lines
FROM (
  SELECT 1
  FROM public.transcripts
  WHERE session_id = $1
    AND start_time IS NOT NULL
    AND ($2::timestamptz IS NULL OR (start_time, transcript_id) >= ($2, $3))
  LIMIT $4
) AS window_lines
