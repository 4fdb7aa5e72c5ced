-- From now on the run's record takes nothing from an earlier holder: one update by key.
UPDATE console_runs SET token = greatest(token, $2) WHERE id = $1 RETURNING true;
