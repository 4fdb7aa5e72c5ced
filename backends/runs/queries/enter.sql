-- Brings a run into a state, if its lease is still the holder's: one update by key.
UPDATE console_runs r
SET state = $4, why = $6, since = clock_timestamp(),
    history = history || jsonb_build_object('state', $4::text, 'at', clock_timestamp(), 'who', $5::text, 'why', $6::text)
FROM (SELECT id FROM console_run_leases WHERE id = $1 AND token = $2 FOR KEY SHARE) l
WHERE r.id = $3 AND r.token = $2
RETURNING true;
