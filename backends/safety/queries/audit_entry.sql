-- Keeps an audit entry once: one insert by primary key; INSERT on the table.
INSERT INTO console_audit (hash, act, step, at, run_id, entry)
VALUES ($1, $2, $3, $4::text::timestamptz, $5, $6::text::jsonb)
ON CONFLICT (hash) DO NOTHING;
