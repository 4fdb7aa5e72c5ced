-- The newest re-partitioning: one row of a handful; needs SELECT on the book.
SELECT stamp, state, layout, run_id, formula, shape, rows, lock_ms, retain_h, made_at, swapped_at, retention_until,
    clock_timestamp() AS now
FROM {book} ORDER BY made_at DESC LIMIT 1;
