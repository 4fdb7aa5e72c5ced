-- Columns of the named tables that are there: type, and whether the column alone is a key; catalogue only.
SELECT t.name AS table, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indpred IS NULL
        AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS unique
FROM unnest($1::text[], $2::text[]) AS t (name, place)
JOIN pg_attribute a ON a.attrelid = to_regclass(t.place) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, a.attnum;
