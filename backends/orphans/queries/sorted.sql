-- A page of missing parents in another order than their keys': one pass over the references' rows, the first kept.
WITH ranked AS (
    SELECT
        missing.*,
        CASE :order
            WHEN 'documents' THEN -documents
            WHEN 'first seen' THEN first_seen
            ELSE instr('gone malformed soft-deleted suspended', state)
        END AS rank
    FROM json_each(:references) AS wanted
    JOIN missing ON missing.reference = wanted.value
    WHERE :contains = '' OR instr(state, :contains) = 1 OR instr(lower(missing.value), :contains) > 0
)
SELECT reference, value, type, state, documents, first_seen, last_seen, at, rank
FROM ranked
WHERE :rank IS NULL OR (rank, reference, value, type) > (:rank, :reference, :value, :type)
ORDER BY rank, reference, value, type
LIMIT :limit;
