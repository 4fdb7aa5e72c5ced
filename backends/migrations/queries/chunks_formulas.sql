-- All that can compute or check partition_key: generated columns, defaults, checks, triggers. Catalogue only.
SELECT
    CASE WHEN a.attgenerated = '' THEN 'default' ELSE 'generated column' END AS source,
    pg_get_expr(d.adbin, d.adrelid) AS text,
    a.attname::text AS name
FROM pg_attrdef AS d
JOIN pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = $1 AND a.attname = 'partition_key'
UNION ALL
SELECT 'check', pg_get_constraintdef(k.oid), k.conname::text
FROM pg_constraint AS k
WHERE k.conrelid = $1 AND k.contype = 'c' AND pg_get_constraintdef(k.oid) LIKE '%partition_key%'
UNION ALL
SELECT 'trigger', f.prosrc, t.tgname::text
FROM pg_trigger AS t
JOIN pg_proc AS f ON f.oid = t.tgfoid
WHERE t.tgrelid = $1 AND NOT t.tgisinternal
ORDER BY 1, 3;
