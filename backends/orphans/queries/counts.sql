-- The counts of one reference after a pass: one read of its missing parents.
SELECT
    COALESCE(SUM(documents) FILTER (WHERE state = 'gone'), 0) AS orphans,
    COUNT(DISTINCT CASE WHEN state = 'gone' THEN parent END) AS missing_parents,
    COALESCE(SUM(documents) FILTER (WHERE state = 'soft-deleted'), 0) AS soft_deleted,
    COALESCE(SUM(documents) FILTER (WHERE state = 'suspended'), 0) AS suspended,
    COALESCE(SUM(documents) FILTER (WHERE state = 'malformed'), 0) AS malformed,
    COALESCE(SUM(documents) FILTER (WHERE state = 'gone' AND COALESCE(at, first_seen) > :young), 0) AS in_grace
FROM missing
WHERE reference = :reference;
