-- Which of the tables $1 there are and may be read by us: one look into the catalogue; no privilege needed.
SELECT asked.name
FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, place)
WHERE has_table_privilege(to_regclass('public.' || asked.name), 'SELECT')
ORDER BY asked.place
