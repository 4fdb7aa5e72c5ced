-- Whether a reference's value is an orphan past its grace: one look-up by the whole key.
SELECT COUNT(*)
FROM missing
WHERE reference = :reference AND value = :value AND type = :type AND state = 'gone' AND COALESCE(at, first_seen) <= :young;
