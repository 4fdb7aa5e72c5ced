-- Changes with the definition and the privileges of the table and with the views of it: a few rows of the catalogue.
SELECT concat_ws(' ', c.xmin, (
    SELECT string_agg(a.xmin::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid), (
    SELECT string_agg(format('%s:%s', r.oid, r.xmin), ' ' ORDER BY r.oid)
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid))
FROM pg_class c WHERE c.oid = $1::text::regclass;
