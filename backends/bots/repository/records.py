"""The children's rows as the repository returns them: texts safe to show, times in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from backends.bots.model import Finding, SessionRow
from backends.bots.safe import finite, shown, utc, words_of
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.bots import schema


@dataclass(frozen=True, slots=True)
class AudioRow:
    """A stored chunk of audio: bytes, seconds, sha256. findings: what breaks the model of what was just stored."""

    file_id: str
    session_id: str
    filename: str
    file_path: str
    file_size: int
    file_hash: str
    mime_type: str
    duration: float | None
    sample_rate: int | None
    channels: int | None
    start_time: datetime | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """What one speaker said; confidence 0 to 1."""

    transcript_id: str
    session_id: str
    text: str
    language: str
    source: str
    confidence: float | None
    speaker_id: str
    speaker_name: str
    start_time: datetime | None
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class TranslationRow:
    """A translation of a line; scores 0 to 1."""

    translation_id: str
    session_id: str
    transcript_id: str | None
    translated_text: str
    source_language: str
    target_language: str
    confidence: float | None
    quality_score: float | None
    start_time: datetime | None


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """An external caption matched with one of ours; time_offset in seconds, scores 0 to 1.

    findings: what breaks the model of what was just stored.
    """

    correlation_id: str
    session_id: str
    external_source: str
    external_text: str
    external_timestamp: datetime
    internal_source: str
    internal_text: str
    internal_timestamp: datetime
    similarity_score: float | None
    time_offset: float | None
    confidence: float | None
    findings: tuple[Finding, ...] = ()


def session(row: schema.BotSession) -> SessionRow:
    """A session."""
    languages = row.target_languages
    return SessionRow(
        session_id=str(row.session_id),
        bot_id=shown(row.bot_id),
        meeting_id=shown(row.meeting_id),
        title=shown(row.meeting_title),
        platform=shown(row.bot_type),
        raw_status=shown(row.status),
        recovering=row.recovering,
        created_at=utc(row.created_at) or utc_now(),
        started_at=utc(row.started_at),
        ended_at=utc(row.ended_at),
        target_languages=words_of(str(each) for each in languages) if isinstance(languages, list) else (),
        transcribes=row.enable_transcription,
        error=shown(row.error_message),
    )


def audio(row: schema.AudioFile) -> AudioRow:
    """An audio file."""
    return AudioRow(
        file_id=str(row.file_id),
        session_id=str(row.session_id),
        filename=shown(row.filename),
        file_path=row.file_path,
        file_size=row.file_size,
        file_hash=shown(row.file_hash),
        mime_type=shown(row.mime_type),
        duration=finite(row.duration),
        sample_rate=row.sample_rate,
        channels=row.channels,
        start_time=utc(row.start_time),
    )


def transcript(row: schema.Transcript) -> TranscriptRow:
    """A transcript line."""
    return TranscriptRow(
        transcript_id=str(row.transcript_id),
        session_id=str(row.session_id),
        text=shown(row.text),
        language=shown(row.language),
        source=shown(row.source),
        confidence=finite(row.confidence),
        speaker_id=shown(row.speaker_id),
        speaker_name=shown(row.speaker_name),
        start_time=utc(row.start_time),
        end_time=utc(row.end_time),
    )


def translation(row: schema.Translation) -> TranslationRow:
    """A translation."""
    return TranslationRow(
        translation_id=str(row.translation_id),
        session_id=str(row.session_id),
        transcript_id=str(row.transcript_id) if row.transcript_id else None,
        translated_text=shown(row.translated_text),
        source_language=shown(row.source_language),
        target_language=shown(row.target_language),
        confidence=finite(row.confidence),
        quality_score=finite(row.quality_score),
        start_time=utc(row.start_time),
    )


def correlation(row: schema.Correlation) -> CorrelationRow:
    """A correlation."""
    return CorrelationRow(
        correlation_id=str(row.correlation_id),
        session_id=str(row.session_id),
        external_source=shown(row.external_source),
        external_text=shown(row.external_text),
        external_timestamp=utc(row.external_timestamp) or utc_now(),
        internal_source=shown(row.internal_source),
        internal_text=shown(row.internal_text),
        internal_timestamp=utc(row.internal_timestamp) or utc_now(),
        similarity_score=finite(row.similarity_score),
        time_offset=finite(row.time_offset),
        confidence=finite(row.confidence),
    )
