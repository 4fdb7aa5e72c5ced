-- Each partition with its bound, estimated rows and size: a look at the catalogue and one stat of each file.
SELECT
    c.relname::text AS name,
    pg_get_expr(c.relpartbound, c.oid) AS bound,
    c.reltuples::bigint AS tuples,
    coalesce(pg_stat_get_live_tuples(c.oid), 0) AS live,
    pg_total_relation_size(c.oid) AS bytes,
    pg_relation_size(c.oid) AS heap
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = $1
ORDER BY c.relname;
