-- The fullest partition of a table over the mean, by size; no row while there is nothing in it: one stat a partition.
SELECT max(pg_relation_size(relid)) / avg(pg_relation_size(relid))::float8 AS skew
FROM pg_partition_tree($1::text::regclass) WHERE isleaf
HAVING sum(pg_relation_size(relid)) > 0;
