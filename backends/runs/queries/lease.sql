-- Who holds a scope: one look-up by key; needs SELECT on console_run_leases.
SELECT id, token, run_id, holder, since, beats, released,
    extract(epoch FROM clock_timestamp() - beat_at)::float8 AS age_s
FROM console_run_leases
WHERE id = $1;
