-- How many missing parents a filter lets through: one read of the reference's rows.
SELECT COUNT(*)
FROM missing
WHERE reference = :reference AND (:contains = '' OR state = :contains OR instr(lower(value), :contains) > 0);
