-- The counts of every scan that is kept, oldest first: at most some hundred rows of a reference.
SELECT scan.finished_at AS at, result.reference AS reference, json_extract(result.body, '$.orphans') AS orphans
FROM result
JOIN scan ON scan.number = result.scan
WHERE json_extract(result.body, '$.problem') IS NULL
ORDER BY scan.number, result.position;
