"""The bot-session schema: model A of the orchestration service with its three processing-metrics tables.

Ids are UUIDs, times `timestamptz` in UTC, durations seconds unless the name says `_ms`. Every default is the
server's, so a row written by plain SQL is whole. Deleting a session deletes all that belongs to it. Creating the tables
installs the triggers of `notifications` too.
"""

import uuid
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import DDL, BigInteger, DateTime, Double, ForeignKey, Index, MetaData, String, Text, event, func, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backends.bots.notifications import INSTALL

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

Id = Annotated[uuid.UUID, mapped_column(UUID(as_uuid=True), primary_key=True, server_default=func.gen_random_uuid())]
SessionId = Annotated[uuid.UUID, mapped_column(ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), index=True)]
Str10 = Annotated[str, mapped_column(String(10))]
Str20 = Annotated[str, mapped_column(String(20))]
Str50 = Annotated[str, mapped_column(String(50))]
Str64 = Annotated[str, mapped_column(String(64))]
Str100 = Annotated[str, mapped_column(String(100))]
Str255 = Annotated[str, mapped_column(String(255))]
Str500 = Annotated[str, mapped_column(String(500))]
Json = Annotated[Any, mapped_column(JSONB)]
Now = Annotated[datetime, mapped_column(server_default=func.now())]
Yes = Annotated[bool, mapped_column(server_default=text("true"))]
No = Annotated[bool, mapped_column(server_default=text("false"))]
Count = Annotated[int, mapped_column(server_default=text("0"))]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - read once by SQLAlchemy
        datetime: DateTime(timezone=True),
        float: Double(),
        uuid.UUID: UUID(as_uuid=True),
        str: Text(),
    }


class BotSession(Base):
    """One bot in one meeting. `status` is free text: an unknown word is data to show, not to refuse."""

    __tablename__ = "bot_sessions"

    session_id: Mapped[Id]
    bot_id: Mapped[Str255] = mapped_column(index=True)
    meeting_id: Mapped[Str255] = mapped_column(index=True)
    meeting_title: Mapped[Str500 | None]
    meeting_uri: Mapped[str | None]
    bot_type: Mapped[Str50] = mapped_column(server_default="google_meet")
    status: Mapped[Str50] = mapped_column(server_default="pending", index=True)
    recovering: Mapped[No]
    created_at: Mapped[Now] = mapped_column(index=True)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    target_languages: Mapped[Json | None]
    enable_translation: Mapped[Yes]
    enable_transcription: Mapped[Yes]
    enable_virtual_webcam: Mapped[No]
    audio_storage_enabled: Mapped[Yes]
    session_metadata: Mapped[Json | None]
    error_message: Mapped[str | None]


class AudioFile(Base):
    """One stored chunk of audio; `file_size` in bytes."""

    __tablename__ = "audio_files"

    file_id: Mapped[Id]
    session_id: Mapped[SessionId]
    filename: Mapped[Str255]
    file_path: Mapped[str]
    file_size: Mapped[int] = mapped_column(BigInteger)
    file_hash: Mapped[Str64] = mapped_column(index=True)
    mime_type: Mapped[Str100]
    duration: Mapped[float | None]
    sample_rate: Mapped[int | None]
    channels: Mapped[int | None]
    bit_depth: Mapped[int | None]
    created_at: Mapped[Now] = mapped_column(index=True)
    start_time: Mapped[datetime | None] = mapped_column(index=True)
    end_time: Mapped[datetime | None]
    session_metadata: Mapped[Json | None]


class Transcript(Base):
    """What one speaker said; offsets in seconds from the start of the session."""

    __tablename__ = "transcripts"
    __table_args__ = (Index("ix_transcripts_session_time", "session_id", "start_time", "transcript_id"),)

    transcript_id: Mapped[Id]
    session_id: Mapped[SessionId]
    text: Mapped[str]
    language: Mapped[Str10] = mapped_column(index=True)
    confidence: Mapped[float | None]
    source: Mapped[Str50] = mapped_column(index=True)
    audio_file_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("audio_files.file_id", ondelete="SET NULL"), index=True
    )
    speaker_id: Mapped[Str100 | None] = mapped_column(index=True)
    speaker_name: Mapped[Str255 | None]
    start_time: Mapped[datetime | None] = mapped_column(index=True)
    end_time: Mapped[datetime | None]
    start_offset: Mapped[float | None]
    end_offset: Mapped[float | None]
    session_metadata: Mapped[Json | None]


class Translation(Base):
    __tablename__ = "translations"

    translation_id: Mapped[Id]
    session_id: Mapped[SessionId]
    transcript_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("transcripts.transcript_id", ondelete="CASCADE"), index=True
    )
    original_text: Mapped[str]
    translated_text: Mapped[str]
    source_language: Mapped[Str10] = mapped_column(index=True)
    target_language: Mapped[Str10] = mapped_column(index=True)
    confidence: Mapped[float | None]
    speaker_id: Mapped[Str100 | None] = mapped_column(index=True)
    speaker_name: Mapped[Str255 | None]
    start_time: Mapped[datetime | None] = mapped_column(index=True)
    end_time: Mapped[datetime | None]
    quality_score: Mapped[float | None]
    word_count: Mapped[int | None]
    character_count: Mapped[int | None]
    session_metadata: Mapped[Json | None]


class Correlation(Base):
    """One external caption matched with one of ours; `time_offset` in seconds."""

    __tablename__ = "correlations"

    correlation_id: Mapped[Id]
    session_id: Mapped[SessionId]
    external_source: Mapped[Str50]
    external_text: Mapped[str]
    external_timestamp: Mapped[datetime] = mapped_column(index=True)
    internal_source: Mapped[Str50]
    internal_text: Mapped[str]
    internal_timestamp: Mapped[datetime] = mapped_column(index=True)
    similarity_score: Mapped[float | None] = mapped_column(index=True)
    time_offset: Mapped[float | None]
    confidence: Mapped[float | None]
    session_metadata: Mapped[Json | None]


class Participant(Base):
    __tablename__ = "participants"

    participant_id: Mapped[Id]
    session_id: Mapped[SessionId]
    external_id: Mapped[Str255 | None]
    name: Mapped[Str255]
    email: Mapped[Str255 | None]
    speaker_id: Mapped[Str100 | None] = mapped_column(index=True)
    speaker_embedding: Mapped[Json | None]
    joined_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    speaking_time: Mapped[float | None]
    word_count: Mapped[int | None]
    session_metadata: Mapped[Json | None]


class SessionEvent(Base):
    """Something that happened; without a session it concerns the whole service."""

    __tablename__ = "session_events"
    __table_args__ = (Index("ix_session_events_session_time", "session_id", "timestamp"),)

    event_id: Mapped[Id]
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), index=True
    )
    event_type: Mapped[Str50] = mapped_column(index=True)
    event_name: Mapped[Str255]
    event_data: Mapped[Json | None]
    timestamp: Mapped[Now] = mapped_column(index=True)
    severity: Mapped[Str20] = mapped_column(server_default="info", index=True)
    source: Mapped[Str100]


class SessionStatistics(Base):
    """One row a session; durations in seconds, sizes in bytes."""

    __tablename__ = "session_statistics"

    statistics_id: Mapped[Id]
    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), unique=True
    )
    duration: Mapped[float | None]
    total_participants: Mapped[Count]
    total_audio_files: Mapped[Count]
    total_transcripts: Mapped[Count]
    total_translations: Mapped[Count]
    total_correlations: Mapped[Count]
    total_audio_duration: Mapped[float | None]
    total_audio_size: Mapped[int | None] = mapped_column(BigInteger)
    audio_quality_score: Mapped[float | None]
    total_words: Mapped[Count]
    total_characters: Mapped[Count]
    average_confidence: Mapped[float | None]
    languages_detected: Mapped[Json | None]
    translation_quality_score: Mapped[float | None]
    translation_coverage: Mapped[float | None]
    unique_speakers: Mapped[Count]
    speaker_distribution: Mapped[Json | None]
    processing_time: Mapped[float | None]
    correlation_accuracy: Mapped[float | None]
    calculated_at: Mapped[Now]


class ProcessingMetrics(Base):
    """One audio chunk's way through the pipeline; levels in dB, memory in MB."""

    __tablename__ = "processing_metrics"

    id: Mapped[Id]
    timestamp: Mapped[Now] = mapped_column(index=True)
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), index=True
    )
    chunk_id: Mapped[Str100 | None] = mapped_column(index=True)
    total_processing_time_ms: Mapped[float] = mapped_column(index=True)
    input_level_db: Mapped[float | None]
    output_level_db: Mapped[float | None]
    level_change_db: Mapped[float | None]
    input_quality_score: Mapped[float | None]
    output_quality_score: Mapped[float | None]
    quality_improvement: Mapped[float | None]
    stages_processed: Mapped[Json | None]
    stages_bypassed: Mapped[Json | None]
    stages_with_errors: Mapped[Json | None]
    performance_warnings: Mapped[Json | None]
    cpu_usage_percent: Mapped[float | None]
    memory_usage_mb: Mapped[float | None]
    real_time_factor: Mapped[float | None]
    audio_duration_ms: Mapped[float | None]
    sample_rate: Mapped[int | None]
    channel_count: Mapped[int | None]


class StageMetrics(Base):
    """One stage of one chunk's way; `status` is COMPLETED, BYPASSED or ERROR."""

    __tablename__ = "stage_metrics"
    __table_args__ = (Index("ix_stage_metrics_stage_name_timestamp", "stage_name", "timestamp"),)

    id: Mapped[Id]
    timestamp: Mapped[Now] = mapped_column(index=True)
    session_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("bot_sessions.session_id", ondelete="CASCADE"), index=True
    )
    chunk_id: Mapped[Str100 | None] = mapped_column(index=True)
    stage_name: Mapped[Str100]
    stage_order: Mapped[int]
    processing_time_ms: Mapped[float]
    status: Mapped[Str20] = mapped_column(index=True)
    error_message: Mapped[str | None]
    target_latency_ms: Mapped[float | None]
    max_latency_ms: Mapped[float | None]
    latency_target_met: Mapped[bool | None]
    stage_metadata: Mapped[Json | None]
    stage_config: Mapped[Json | None]


class ProcessingStatistics(Base):
    """The pipeline over one window of 1, 5, 15 or 60 minutes."""

    __tablename__ = "processing_statistics"
    __table_args__ = (Index("ix_processing_statistics_window", "time_window_minutes", "window_start", unique=True),)

    id: Mapped[Id]
    time_window_minutes: Mapped[int]
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    total_chunks: Mapped[Count]
    total_audio_duration_ms: Mapped[float | None]
    avg_processing_time_ms: Mapped[float | None]
    min_processing_time_ms: Mapped[float | None]
    max_processing_time_ms: Mapped[float | None]
    p95_processing_time_ms: Mapped[float | None]
    p99_processing_time_ms: Mapped[float | None]
    error_count: Mapped[Count]
    error_rate: Mapped[float | None]
    latency_warnings_count: Mapped[Count]
    latency_warnings_rate: Mapped[float | None]


for _statement in INSTALL:
    event.listen(Base.metadata, "after_create", DDL(_statement.replace("%", "%%")))  # type: ignore[no-untyped-call]
