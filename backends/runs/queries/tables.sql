-- Makes the runs' tables where they are not: looks at the catalogue then; CREATE on the schema the first time.
CREATE TABLE IF NOT EXISTS console_runs (
    id text PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    place text NOT NULL,
    scope text NOT NULL,
    plan text NOT NULL,
    options jsonb NOT NULL,
    why text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    token bigint NOT NULL DEFAULT 0,
    history jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS console_runs_newest ON console_runs (created_at DESC, id DESC);
-- Only (id, token) is a key besides id: heartbeats change neither, so they pass a batch's lock, and a takeover waits.
CREATE TABLE IF NOT EXISTS console_run_leases (
    id text PRIMARY KEY,
    token bigint NOT NULL,
    run_id text NOT NULL,
    holder jsonb NOT NULL,
    since timestamptz NOT NULL,
    beat_at timestamptz NOT NULL,
    beats bigint NOT NULL DEFAULT 0,
    released boolean NOT NULL DEFAULT false,
    UNIQUE (id, token)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS console_run_checkpoints (
    run_id text PRIMARY KEY,
    number bigint NOT NULL DEFAULT 0,
    body jsonb NOT NULL DEFAULT '{}',
    progress jsonb NOT NULL DEFAULT '{}',
    plan text NOT NULL,
    version text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS console_run_controls (
    run_id text PRIMARY KEY,
    want text NOT NULL DEFAULT 'go',
    batch bigint,
    pace double precision,
    who text NOT NULL,
    why text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE IF NOT EXISTS console_run_halts (
    kind text PRIMARY KEY,
    who text NOT NULL,
    why text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
