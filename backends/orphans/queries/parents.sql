-- The most parents that earlier scans found for each reference. Reads the counts of the scans that are kept.
SELECT result.reference AS reference, MAX(json_extract(result.body, '$.parents')) AS parents
FROM result
JOIN scan ON scan.number = result.scan
WHERE scan.number < :number
    AND json_extract(result.body, '$.parents') IS NOT NULL
    AND (scan.finished_at >= :since OR scan.number = (SELECT MAX(number) FROM scan WHERE number < :number))
GROUP BY result.reference;
