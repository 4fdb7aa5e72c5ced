-- Each of the named tables that is there, with estimated rows and size: catalogue and one stat of each file.
SELECT
    w.name,
    c.reltuples::bigint AS tuples,
    coalesce(pg_stat_get_live_tuples(c.oid), 0) AS live,
    pg_total_relation_size(c.oid) AS bytes,
    pg_relation_size(c.oid) AS heap
FROM unnest($1::text[]) AS w (name)
JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(w.name));
