-- A heartbeat: one update by key that changes none, so that a batch's lock lets it pass.
UPDATE console_run_leases SET beat_at = clock_timestamp(), beats = beats + 1
WHERE id = $1 AND token = $2
RETURNING true;
