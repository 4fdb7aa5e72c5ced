-- Leaves an order for whoever executes the run: one upsert by key; needs INSERT and UPDATE on console_run_controls.
INSERT INTO console_run_controls (run_id, want, batch, pace, who, why) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (run_id) DO UPDATE SET want = EXCLUDED.want, batch = EXCLUDED.batch, pace = EXCLUDED.pace,
    who = EXCLUDED.who, why = EXCLUDED.why, at = clock_timestamp();
