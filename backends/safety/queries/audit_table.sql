-- Makes the table of audit entries where there is none: a look at the catalogue then; CREATE on the schema the first time.
CREATE TABLE IF NOT EXISTS console_audit (
    hash text PRIMARY KEY,
    act text NOT NULL,
    step text NOT NULL,
    at timestamptz NOT NULL,
    run_id text NOT NULL,
    entry jsonb NOT NULL
);
