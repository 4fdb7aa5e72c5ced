-- Tables of those named whose rows a policy hides from the role, at least some of them: catalogue only; any user may.
SELECT to_regclass(name)::text AS name FROM unnest($1::text[]) AS t (name)
WHERE to_regclass(name) IS NOT NULL AND row_security_active(to_regclass(name)::oid)
ORDER BY 1;
