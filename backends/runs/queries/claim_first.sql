-- The first lease of a scope: one insert; nothing comes back where somebody was faster by either unique key.
INSERT INTO console_run_leases (id, token, run_id, holder, since, beat_at)
VALUES ($1, 1, $2, $3::jsonb, clock_timestamp(), clock_timestamp())
ON CONFLICT DO NOTHING
RETURNING token;
