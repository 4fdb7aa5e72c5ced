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
-- The parents of exemptions, and single documents that are exempt or in use, for telling what stays.
CREATE TEMP TABLE IF NOT EXISTS exempt_parent (parent TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS apart (
    id TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    type TEXT NOT NULL,
    exempt INTEGER NOT NULL,
    busy INTEGER NOT NULL
) WITHOUT ROWID;
