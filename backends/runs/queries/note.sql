-- The progress between batches, if the lease is still the holder's: one update by key.
UPDATE console_run_checkpoints c SET progress = $4::jsonb, at = clock_timestamp()
FROM (SELECT id FROM console_run_leases WHERE id = $1 AND token = $2 FOR KEY SHARE) l
WHERE c.run_id = $3
RETURNING true;
