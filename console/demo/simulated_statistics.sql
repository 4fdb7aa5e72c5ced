-- What the service counts when session $1 ends; every child is summed on its own.
INSERT INTO session_statistics (
    session_id, duration, total_participants, total_audio_files, total_transcripts, total_translations,
    total_correlations, total_audio_duration, total_audio_size, total_words, total_characters, average_confidence,
    unique_speakers
)
SELECT
    s.session_id,
    extract(epoch FROM s.ended_at - coalesce(s.started_at, s.created_at)),
    (SELECT count(*) FROM participants p WHERE p.session_id = s.session_id),
    audio.files,
    spoken.lines,
    (SELECT count(*) FROM translations t WHERE t.session_id = s.session_id),
    (SELECT count(*) FROM correlations c WHERE c.session_id = s.session_id),
    audio.seconds,
    audio.bytes,
    spoken.words,
    spoken.characters,
    spoken.confidence,
    spoken.speakers
FROM bot_sessions s
CROSS JOIN LATERAL (
    SELECT count(*) AS files, coalesce(sum(a.duration), 0) AS seconds, coalesce(sum(a.file_size), 0) AS bytes
    FROM audio_files a WHERE a.session_id = s.session_id
) audio
CROSS JOIN LATERAL (
    SELECT
        count(*) AS lines,
        coalesce(sum(cardinality(regexp_split_to_array(trim(t.text), '\s+'))), 0) AS words,
        coalesce(sum(length(t.text)), 0) AS characters,
        avg(t.confidence) AS confidence,
        count(DISTINCT t.speaker_id) AS speakers
    FROM transcripts t WHERE t.session_id = s.session_id
) spoken
WHERE s.session_id = $1
ON CONFLICT (session_id) DO NOTHING;
