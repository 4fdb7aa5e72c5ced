-- A page of missing parents after a key: a range of the primary key, read to the limit.
SELECT reference, value, type, state, documents, first_seen, last_seen, at
FROM missing
WHERE reference = :reference AND (value, type) > (:value, :type) AND (:contains = '' OR instr(state, :contains) = 1 OR instr(folded(value), :contains) > 0)
ORDER BY value, type
LIMIT :limit;
