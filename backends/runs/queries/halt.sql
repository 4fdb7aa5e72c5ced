-- Halts a kind: one upsert by key; needs INSERT and UPDATE on console_run_halts.
INSERT INTO console_run_halts (kind, who, why) VALUES ($1, $2, $3)
ON CONFLICT (kind) DO UPDATE SET who = EXCLUDED.who, why = EXCLUDED.why, at = clock_timestamp();
