-- Roles beside the owner that may do something with the named relations, as default privileges gave it to them, "" for
-- everybody: catalogue only; any user may.
SELECT DISTINCT coalesce(r.rolname::text, '') AS grantee
FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
CROSS JOIN aclexplode(c.relacl) AS g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE g.grantee <> c.relowner
ORDER BY 1;
