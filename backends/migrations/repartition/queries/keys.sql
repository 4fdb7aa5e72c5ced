-- The columns of the foreign keys of a table and of those that refer to it: catalogue only; any user may.
SELECT k.conname::text AS name, pg_get_constraintdef(k.oid) AS def, k.conrelid = $1 AS out,
    CASE WHEN k.conrelid = $1 THEN k.confrelid ELSE k.conrelid END::regclass::text AS other,
    (SELECT relname::text FROM pg_class c
     WHERE c.oid = CASE WHEN k.conrelid = $1 THEN k.confrelid ELSE k.conrelid END) AS bare,
    (SELECT array_agg(a.attname::text ORDER BY p.place) FROM unnest(k.conkey) WITH ORDINALITY p (number, place)
     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number) AS own,
    (SELECT array_agg(a.attname::text ORDER BY p.place) FROM unnest(k.confkey) WITH ORDINALITY p (number, place)
     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number) AS referred
FROM pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND $1 IN (k.conrelid, k.confrelid) AND k.conrelid <> k.confrelid
ORDER BY k.conname;
