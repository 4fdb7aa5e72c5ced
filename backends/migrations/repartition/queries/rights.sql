-- What the role may not do that a swap does: relations ($1), publications ($2) and statistics ($3, of a table) that are
-- another role's, tables that it may not refer to ($4), and a schema ($5) that it, or the owner ($6), may not create in.
-- Catalogue only; any user may.
SELECT format('%s is of %s', c.oid::regclass, pg_get_userbyid(c.relowner)) AS said
FROM unnest($1::text[]) AS t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)
WHERE NOT pg_has_role(c.relowner, 'USAGE')
UNION
SELECT format('publication %s is of %s', pubname, pg_get_userbyid(pubowner))
FROM pg_publication WHERE pubname = ANY ($2::text[]) AND NOT pg_has_role(pubowner, 'USAGE')
UNION
SELECT format('statistics %s are of %s', stxname, pg_get_userbyid(stxowner))
FROM pg_statistic_ext WHERE stxrelid = to_regclass($3) AND NOT pg_has_role(stxowner, 'USAGE')
UNION
SELECT format('no foreign key may refer to %s', name)
FROM unnest($4::text[]) AS t (name) WHERE NOT has_table_privilege(to_regclass(name), 'REFERENCES')
UNION
SELECT format('%s may not create in the schema %s', who, $5::text)
FROM unnest(ARRAY[current_user::text, $6::text]) AS w (who) WHERE NOT has_schema_privilege(who, $5::text, 'CREATE')
ORDER BY 1;
