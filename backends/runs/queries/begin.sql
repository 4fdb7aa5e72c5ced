-- The fence of a batch: two look-ups by key. The lease can't be taken over until the batch ends, and a batch of the
-- same run whose end nobody saw is over once this returns; one row, or none where lease or checkpoint is another.
SELECT c.number
FROM console_run_leases l JOIN console_run_checkpoints c ON c.run_id = $3
WHERE l.id = $1 AND l.token = $2 AND c.number = $4
FOR KEY SHARE OF l FOR NO KEY UPDATE OF c;
