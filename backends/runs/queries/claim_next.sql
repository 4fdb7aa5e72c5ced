-- A lease from another holder: one update by key, which changes a key and so waits for the batch that is under way.
UPDATE console_run_leases
SET token = token + 1, run_id = $2, holder = $3::jsonb, released = false, beats = 0,
    since = clock_timestamp(), beat_at = clock_timestamp()
WHERE id = $1 AND token = $4
RETURNING token;
