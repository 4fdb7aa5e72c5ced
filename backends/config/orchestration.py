"""The orchestration service's variables, and its audio settings with their ranges."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict

from backends.config.platform import Section


class OrchestrationVariables(Section):
    """What the service reads. None where its documents name no default."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    database_url: str | None = Field(default=None, repr=False, description="the service's Postgres")
    database_pool_size: int = Field(default=10, ge=1, description="connections of one worker")
    database_max_overflow: int = Field(default=20, ge=0, description="connections above them under load")
    database_echo: bool | None = Field(default=None, description="whether every statement is logged")
    redis_url: str | None = Field(default=None, repr=False, description="the service's Redis")
    redis_max_connections: int = Field(default=10, ge=1, description="connections to Redis")
    redis_socket_timeout: float = Field(default=5, gt=0, description="seconds for an answer of Redis")
    websocket_max_connections: int = Field(default=1000, ge=1, description="web socket connections")
    websocket_heartbeat_interval: float = Field(default=30, gt=0, description="seconds between heartbeats")
    websocket_message_buffer_size: int = Field(default=100, ge=1, description="messages kept for a slow client")
    websocket_compression: bool | None = Field(default=None, description="whether messages are compressed")
    audio_service_url: str | None = Field(default=None, repr=False, description="the speech service")
    audio_service_timeout: float = Field(default=30, gt=0, description="seconds for its answer")
    translation_service_url: str | None = Field(default=None, repr=False, description="the translation service")
    translation_service_timeout: float = Field(default=30, gt=0, description="seconds for its answer")
    health_check_interval: float = Field(default=10, gt=0, description="seconds between health checks")
    health_check_timeout: float = Field(default=5, gt=0, description="seconds for a health answer")
    secret_key: str | None = Field(default=None, repr=False, description="key that tokens are signed with")
    jwt_algorithm: str = Field(default="HS256", description="how tokens are signed")
    access_token_expire_minutes: int = Field(default=30, ge=1, description="minutes that a token is valid")
    cors_origins: str | None = Field(default=None, description="origins that browsers may call from")
    log_level: str | None = Field(default=None, description="least severity that is logged")
    log_format: str | None = Field(default=None, description="form of a log line")
    log_file_path: str | None = Field(default=None, description="the log file")
    log_max_file_size_mb: int = Field(default=10, ge=1, description="megabytes at which it is rotated")
    log_backup_count: int = Field(default=5, ge=0, description="rotated logs kept")
    enable_metrics: bool | None = Field(default=None, description="whether metrics are offered")
    metrics_port: int = Field(default=8000, ge=1, le=65535, description="port of the metrics")
    host: str | None = Field(default=None, description="address that it listens on")
    port: int = Field(default=3000, ge=1, le=65535, description="port that it listens on")
    workers: int = Field(default=4, ge=1, description="processes, each with its own pool")
    debug: bool | None = Field(default=None, description="debug mode")
    enable_audio_processing: bool | None = Field(default=None, description="audio processing")
    enable_bot_management: bool | None = Field(default=None, description="bots")
    enable_translation: bool | None = Field(default=None, description="translation")
    enable_analytics: bool | None = Field(default=None, description="analytics")
    rate_limit_requests: int = Field(default=100, ge=1, description="requests at most in its window")
    rate_limit_websocket_connections: int = Field(default=10, ge=1, description="web socket connections of one client")


class AudioChunkingConfig(Section):
    """How the service cuts audio into chunks; lengths of time in seconds, thresholds from 0 to 1.

    The service keeps these at run time. Our view of them is read from `AUDIO_CHUNKING_…`.
    """

    model_config = SettingsConfigDict(env_prefix="AUDIO_CHUNKING_", env_ignore_empty=True)

    chunk_duration: float = Field(default=3.0, ge=0.5, le=10, description="seconds of a chunk")
    overlap_duration: float = Field(default=0.5, ge=0, le=2, description="seconds that two chunks share")
    processing_interval: float = Field(default=2.5, ge=0.1, le=5, description="seconds between two chunks' starts")
    buffer_duration: float = Field(default=10.0, ge=5, le=60, description="seconds kept in memory")
    min_quality_threshold: float = Field(default=0.3, ge=0, le=1, description="quality below which a chunk is left out")
    silence_threshold: float = Field(default=0.01, ge=0, le=0.1, description="level that counts as silence")
    noise_threshold: float = Field(default=0.02, ge=0, le=0.1, description="level that counts as noise")
    speaker_correlation_enabled: bool = Field(default=True, description="whether speakers are matched")
    correlation_confidence_threshold: float = Field(
        default=0.7, ge=0, le=1, description="confidence of a match at least"
    )
    correlation_temporal_window: float = Field(
        default=2.0, ge=0.5, le=10, description="seconds around a chunk to match in"
    )
    store_audio_files: bool = Field(default=True, description="whether audio is kept")
    store_transcripts: bool = Field(default=True, description="whether transcripts are kept")
    store_translations: bool = Field(default=True, description="whether translations are kept")
    store_correlations: bool = Field(default=True, description="whether matches are kept")
    track_chunk_lineage: bool = Field(default=True, description="whether a chunk's origin is kept")
    max_concurrent_chunks: int = Field(default=10, ge=1, le=50, description="chunks at once")
    chunk_processing_timeout: float = Field(default=30.0, ge=5, le=120, description="seconds for one chunk")
    database_batch_size: int = Field(default=100, ge=1, le=1000, description="rows written at once")
    audio_storage_path: str = Field(default="/data/audio", description="folder of the audio files")
    file_compression_enabled: bool = Field(default=True, description="whether they are compressed")
    cleanup_old_files: bool = Field(default=True, description="whether old ones are deleted")
    file_retention_days: int = Field(default=30, ge=1, le=365, description="days that they are kept")

    @model_validator(mode="after")
    def _times_fit(self) -> Self:
        """Chunks must advance. The error's context names the field that it is about."""
        if self.overlap_duration >= self.chunk_duration:
            raise _about("overlap_duration", "must be shorter than the chunk")
        if self.processing_interval >= self.chunk_duration + self.overlap_duration:
            raise _about("processing_interval", "must be shorter than chunk and overlap together")
        return self


def _about(field: str, message: str) -> PydanticCustomError:
    return PydanticCustomError("times", "{reason}", {"field": field, "reason": message})
