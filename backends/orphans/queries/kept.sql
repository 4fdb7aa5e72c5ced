-- What stays of the orphans of one reference: exempt ones of any age, and those past their grace that are exempt or in
-- use. Reads the missing parents of the exemptions, and what was noted of single documents.
WITH gone AS (
    SELECT missing.*, COALESCE(at, first_seen) <= :young AS old, parent IN (SELECT parent FROM exempt_parent) AS spared
    FROM missing
    WHERE reference = :reference AND state = 'gone'
),
noted AS (
    SELECT gone.old, apart.exempt, apart.busy
    FROM apart
    JOIN gone ON gone.value = apart.value AND gone.type = apart.type
    WHERE NOT gone.spared
)
SELECT
    (SELECT COALESCE(SUM(documents), 0) FROM gone WHERE spared)
    + (SELECT COUNT(*) FROM noted WHERE exempt) AS exempt,
    (SELECT COALESCE(SUM(documents), 0) FROM gone WHERE spared AND old)
    + (SELECT COUNT(*) FROM noted WHERE old AND (exempt OR busy)) AS kept;
