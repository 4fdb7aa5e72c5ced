-- A batch's checkpoint: one update by key.
UPDATE console_run_checkpoints
SET number = number + 1, body = $2::jsonb, progress = $3::jsonb, version = $4, at = clock_timestamp()
WHERE run_id = $1;
