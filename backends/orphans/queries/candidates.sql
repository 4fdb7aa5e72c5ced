-- Missing parents of one reference after a key, with what judges them: a range of the primary key, read to the limit.
SELECT reference, value, type, parent, state, documents, first_seen, at
FROM missing
WHERE reference = :reference AND (value, type) > (:value, :type)
ORDER BY value, type
LIMIT :limit;
