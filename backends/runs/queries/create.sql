-- Records a run as planned: three inserts by key; needs INSERT on the runs' tables.
WITH kept AS (
    INSERT INTO console_run_checkpoints (run_id, plan, version) VALUES ($1, $5, $8)
), asked AS (
    INSERT INTO console_run_controls (run_id, who) VALUES ($1, $7)
)
INSERT INTO console_runs (id, kind, place, scope, plan, options, state, history)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, 'planned',
    jsonb_build_array(jsonb_build_object('state', 'planned', 'at', clock_timestamp(), 'who', $7::text, 'why', '')));
