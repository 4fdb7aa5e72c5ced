-- Leaves an order for whoever executes the run, the named fields only: one update by key; needs UPDATE on
-- console_run_controls. Where the order is not the one that was seen any more, nothing is written.
UPDATE console_run_controls o
SET (want, batch, pace, who, why) = (
        SELECT n.want, n.batch, n.pace, n.who, n.why FROM jsonb_populate_record(o, $2::jsonb) n
    ),
    at = CASE WHEN $2::jsonb ? 'want' THEN clock_timestamp() ELSE at END
WHERE run_id = $1 AND ($3::boolean OR at = $4::timestamptz);
