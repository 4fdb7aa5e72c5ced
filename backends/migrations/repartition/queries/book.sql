-- Makes the book of re-partitionings where it is not; CREATE on the schema the first time.
CREATE TABLE IF NOT EXISTS {book} (
    stamp text PRIMARY KEY,
    state text NOT NULL,
    layout text NOT NULL,
    run_id text NOT NULL,
    formula text NOT NULL,
    shape jsonb NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    lock_ms double precision,
    retain_h double precision NOT NULL DEFAULT 24,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    swapped_at timestamptz,
    retention_until timestamptz
);
