-- Where a run goes on: two look-ups by key.
SELECT c.number, c.body, c.progress, c.plan, c.version
FROM console_run_checkpoints c JOIN console_run_leases l ON l.id = $1 AND l.token = $2
WHERE c.run_id = $3;
