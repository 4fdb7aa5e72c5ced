-- How many missing parents a filter lets through: one read of the reference's rows.
SELECT COUNT(*)
FROM missing
WHERE reference = :reference AND (:contains = '' OR instr(state, :contains) = 1 OR instr(folded(value), :contains) > 0);
