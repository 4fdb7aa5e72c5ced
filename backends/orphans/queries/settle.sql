-- Carries a pass over into the history: a sighting keeps its first time as long as its state lasts, and an orphan
-- whose parent was soft-deleted before keeps that day. Costs a pass over what was staged.
INSERT OR REPLACE INTO missing (reference, value, type, parent, state, documents, first_seen, last_seen, at)
SELECT
    :reference, staged.value, staged.type, staged.parent, staged.state, staged.documents,
    CASE
        WHEN old.state = staged.state OR (old.state = 'soft-deleted' AND staged.state = 'gone') THEN old.first_seen
        ELSE :now
    END,
    :now,
    COALESCE(staged.at, CASE WHEN staged.state = 'gone' AND old.state IN ('soft-deleted', 'gone') THEN old.at END)
FROM staged
LEFT JOIN missing AS old ON old.reference = :reference AND old.value = staged.value AND old.type = staged.type;
