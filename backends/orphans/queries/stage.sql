-- What one pass found, in a temporary table (a file of this connection's own), so that memory stays flat.
CREATE TEMP TABLE IF NOT EXISTS staged (
    value TEXT NOT NULL,
    type TEXT NOT NULL,
    parent TEXT NOT NULL,
    state TEXT,
    documents INTEGER NOT NULL,
    at REAL,
    PRIMARY KEY (value, type)
) WITHOUT ROWID;
