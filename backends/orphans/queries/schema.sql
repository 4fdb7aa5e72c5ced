-- The scan history: a file of the console's own in its state folder. Costs nothing where it exists already.
CREATE TABLE IF NOT EXISTS scan (
    number INTEGER PRIMARY KEY,
    started_at REAL NOT NULL,
    finished_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS result (
    scan INTEGER NOT NULL REFERENCES scan (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    reference TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scan, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (
    reference TEXT NOT NULL,
    value TEXT NOT NULL,
    type TEXT NOT NULL,
    parent TEXT NOT NULL,
    state TEXT NOT NULL,
    documents INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL,
    at REAL,
    PRIMARY KEY (reference, value, type)
) WITHOUT ROWID;
-- An index for each order of history.RANKS, so that a page costs the same wherever it begins.
CREATE INDEX IF NOT EXISTS missing_documents ON missing (reference, -documents, value, type);
CREATE INDEX IF NOT EXISTS missing_first_seen ON missing (reference, first_seen, value, type);
CREATE INDEX IF NOT EXISTS missing_state
ON missing (reference, instr('gone malformed soft-deleted suspended', state), value, type);
