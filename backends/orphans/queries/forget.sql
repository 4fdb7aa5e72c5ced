-- Drops what a pass did not find again: its parent is back, or its documents are gone. One look-up a row.
DELETE FROM missing
WHERE reference = :reference
    AND NOT EXISTS (SELECT 1 FROM staged WHERE staged.value = missing.value AND staged.type = missing.type);
