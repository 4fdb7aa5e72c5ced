-- Count and order-independent digest of a table: reads every row once; SELECT on the table.
SELECT
    count(*) AS rows,
    coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text
    || '/' || coalesce(sum(hashtextextended(t::text, 1)::numeric), 0)::text AS digest
FROM ONLY {table} AS t;
