-- A page of one reference's missing parents in another order than their keys': what is equal to the last one in it,
-- then what comes after, both ranges of that order's index, read to the limit. {rank} is one of history.RANKS.
SELECT * FROM (
    SELECT reference, value, type, state, documents, first_seen, last_seen, at, {rank} AS rank
    FROM missing
    WHERE reference = :reference AND {rank} = :same AND (value, type) > (:value, :type)
        AND (:contains = '' OR instr(state, :contains) = 1 OR instr(folded(value), :contains) > 0)
    ORDER BY value, type
    LIMIT :limit
)
UNION ALL
SELECT * FROM (
    SELECT reference, value, type, state, documents, first_seen, last_seen, at, {rank} AS rank
    FROM missing
    WHERE reference = :reference AND {rank} > :above
        AND (:contains = '' OR instr(state, :contains) = 1 OR instr(folded(value), :contains) > 0)
    ORDER BY {rank}, value, type
    LIMIT :limit
)
LIMIT :limit;
