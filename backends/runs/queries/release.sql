-- Gives a lease back: one update by key.
UPDATE console_run_leases SET released = true WHERE id = $1 AND token = $2;
