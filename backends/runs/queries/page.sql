-- A page of runs, newest first: an index scan of as many rows as the page has; needs SELECT on the runs' tables.
SELECT r.id, r.kind, r.state, r.place, r.scope, r.plan, r.options, r.why, r.created_at, r.since,
    c.version, c.progress, c.at AS saved_at,
    o.want, o.batch, o.pace, o.who AS asked_by, o.why AS asked_why, o.at AS asked_at,
    l.token, l.run_id, l.holder, l.since AS held_since, l.beats, l.released,
    extract(epoch FROM clock_timestamp() - l.beat_at)::float8 AS age_s
FROM (
    SELECT * FROM console_runs
    WHERE $2::timestamptz IS NULL OR (created_at, id) < ($2, $3)
    ORDER BY created_at DESC, id DESC
    LIMIT $1
) r
LEFT JOIN console_run_checkpoints c ON c.run_id = r.id
LEFT JOIN console_run_controls o ON o.run_id = r.id
LEFT JOIN console_run_leases l ON l.id = r.scope
ORDER BY r.created_at DESC, r.id DESC;
