-- What a worker looks at before a batch: two look-ups by key; needs SELECT on console_run_controls and _halts.
SELECT o.want, o.batch, o.pace, o.who, o.why, o.at, clock_timestamp() AS now,
    h.kind AS halted, h.who AS halted_by, h.why AS halted_why, h.at AS halted_at
FROM console_run_controls o LEFT JOIN console_run_halts h ON h.kind = $2
WHERE o.run_id = $1;
