-- At most $2 translations of the lines in $1, by their index on transcript_id. Texts are cut at 600 characters.
-- Needs SELECT on translations.
SELECT transcript_id::text AS transcript_id, left(target_language::text, 20) AS language,
       left(translated_text, 600) AS text, char_length(translated_text) AS length
FROM public.translations
WHERE transcript_id = ANY ($1)
ORDER BY transcript_id, target_language, translation_id
LIMIT $2
