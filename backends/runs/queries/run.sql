-- A run with its history: four look-ups by key; needs SELECT on the runs' tables.
SELECT r.history, r.id, r.kind, r.state, r.place, r.scope, r.plan, r.options, r.why, r.created_at, r.since,
    c.version, c.progress, c.at AS saved_at,
    o.want, o.batch, o.pace, o.who AS asked_by, o.why AS asked_why, o.at AS asked_at,
    l.token, l.run_id, l.holder, l.since AS held_since, l.beats, l.released,
    extract(epoch FROM clock_timestamp() - l.beat_at)::float8 AS age_s
FROM console_runs r
LEFT JOIN console_run_checkpoints c ON c.run_id = r.id
LEFT JOIN console_run_controls o ON o.run_id = r.id
LEFT JOIN console_run_leases l ON l.id = r.scope
WHERE r.id = $1;
