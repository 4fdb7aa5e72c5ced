-- How each rule stands, for all consoles and cron runs of a host. Costs nothing where it exists already.
CREATE TABLE IF NOT EXISTS track (
    id TEXT PRIMARY KEY,
    phase TEXT NOT NULL,
    since REAL NOT NULL,
    at REAL NOT NULL,
    value REAL,
    subject TEXT NOT NULL,
    what TEXT NOT NULL,
    samples INTEGER NOT NULL,
    beyond_since REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS acknowledgement (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    until REAL NOT NULL,
    at REAL NOT NULL,
    snooze INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sample (
    id TEXT NOT NULL,
    at REAL NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (id, at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    at REAL NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    value REAL,
    what TEXT NOT NULL,
    samples TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS change_at ON change (at);
CREATE TABLE IF NOT EXISTS told (
    folder TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (folder, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS baseline (
    name TEXT PRIMARY KEY,
    at REAL NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure (
    subject TEXT PRIMARY KEY,
    in_a_row INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
