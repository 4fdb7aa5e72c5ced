"""The service's seven audio models as tables of ranges. What breaks them is a finding, never a crash. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from backends.bots.safe import shown

Values = Mapping[str, Any]
Rule = Callable[[Values], str]
"""What is wrong between fields, "" for nothing."""

FORMATS: Final = frozenset({"wav", "mp3", "webm", "ogg", "mp4"})
STATUSES: Final = frozenset({"pending", "processing", "completed", "failed", "timeout"})
SOURCES: Final = frozenset({"bot_audio", "frontend_test", "google_meet", "manual_upload"})
CORRELATION_TYPES: Final = frozenset(
    {"exact", "interpolated", "inferred", "temporal", "manual", "fallback", "google_meet_api", "acoustic"}
)
DURATION_TOLERANCE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Field:
    """A field: a number from `least` to `most`, or one of `words`; whether it must be there; or any text."""

    name: str
    least: float = -math.inf
    most: float = math.inf
    words: frozenset[str] = frozenset()
    number: bool = True
    required: bool = False


@dataclass(frozen=True, slots=True)
class AudioModel:
    """A model: its fields, what must hold between them, and fields that are models themselves."""

    name: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    nested: tuple[tuple[str, str], ...] = ()


def text(name: str, *, required: bool = False) -> Field:
    """A field of any text."""
    return Field(name, number=False, required=required)


def one_of(name: str, words: frozenset[str], *, required: bool = False) -> Field:
    """A field of a few words."""
    return Field(name, words=words, number=False, required=required)


def share(name: str, *, required: bool = False) -> Field:
    """A score from 0 to 1."""
    return Field(name, 0.0, 1.0, required=required)


def positive(name: str, *, required: bool = False) -> Field:
    """A number from 0 on."""
    return Field(name, 0.0, required=required)


def _after(later: str, earlier: str, *, same: bool = False) -> Rule:
    """That one field is greater than another (or the same, where that may be)."""

    def rule(values: Values) -> str:
        end, start = _comparable(values.get(later)), _comparable(values.get(earlier))
        if end is None or start is None or end > start or (same and end == start):
            return ""
        return f"{later} is not after {earlier}"

    return rule


def _duration_fits(values: Values) -> str:
    names = ("chunk_start_time", "chunk_end_time", "duration_seconds")
    start, end, length = (_comparable(values.get(name)) for name in names)
    if start is None or end is None or length is None or abs(end - start - length) <= DURATION_TOLERANCE_S:
        return ""
    return f"duration_seconds is {length:g}, from start to end it is {end - start:.2f}"


def _overlap_fits(values: Values) -> str:
    chunk, overlap = values.get("chunk_duration", 3.0), values.get("overlap_duration", 0.5)
    interval = values.get("processing_interval", 2.5)
    if not all(_comparable(each) is not None for each in (chunk, overlap, interval)):
        return ""
    if overlap >= chunk:
        return "overlap_duration is not less than chunk_duration"
    return "processing_interval is not less than chunk and overlap together" if interval >= chunk + overlap else ""


MODELS: Final[Mapping[str, AudioModel]] = {
    model.name: model
    for model in (
        AudioModel(
            "AudioChunkMetadata",
            (
                text("session_id", required=True), text("file_path", required=True), text("file_name", required=True),
                positive("file_size", required=True), one_of("file_format", FORMATS),
                positive("duration_seconds", required=True), Field("sample_rate", 8_000, 48_000),
                Field("channels", 1, 2), positive("chunk_sequence"), Field("chunk_start_time"), Field("chunk_end_time"),
                positive("overlap_duration"), one_of("processing_status", STATUSES), one_of("source_type", SOURCES),
                share("audio_quality_score"),
            ),
            (_after("chunk_end_time", "chunk_start_time"), _duration_fits),
        ),
        AudioModel(
            "SpeakerCorrelation",
            (
                text("session_id", required=True), text("whisper_speaker_id"),
                share("correlation_confidence", required=True), one_of("correlation_type", CORRELATION_TYPES),
                Field("start_timestamp"), Field("end_timestamp"), Field("timing_offset"),
                share("text_similarity_score"), share("temporal_alignment_score"), share("historical_pattern_score"),
            ),
            (_after("end_timestamp", "start_timestamp"),),
        ),
        AudioModel(
            "ProcessingResult",
            (
                text("chunk_id", required=True), text("session_id", required=True),
                text("processing_stage", required=True), one_of("status", STATUSES, required=True),
                positive("processing_time_ms"), share("quality_score"), share("confidence_score"),
            ),
            (_after("completed_at", "started_at", same=True),),
        ),
        AudioModel(
            "AudioChunkingConfig",
            (
                Field("chunk_duration", 0.5, 10), Field("overlap_duration", 0, 2), Field("processing_interval", 0.1, 5),
                Field("buffer_duration", 5, 60), share("min_quality_threshold"), Field("silence_threshold", 0, 0.1),
                Field("noise_threshold", 0, 0.1), share("correlation_confidence_threshold"),
                Field("correlation_temporal_window", 0.5, 10), Field("max_concurrent_chunks", 1, 50),
                Field("chunk_processing_timeout", 5, 120), Field("database_batch_size", 1, 1_000),
                Field("file_retention_days", 1, 365), text("audio_storage_path"),
            ),
            (_overlap_fits,),
        ),
        AudioModel(
            "ChunkLineage",
            (
                text("session_id", required=True), text("source_chunk_id", required=True),
                text("processing_stage", required=True), text("transformation_type", required=True),
                share("input_quality_score"), share("output_quality_score"), positive("processing_time_ms"),
            ),
        ),
        AudioModel(
            "QualityMetrics",
            (
                positive("rms_level"), share("peak_level"), Field("signal_to_noise_ratio"),
                positive("zero_crossing_rate"), share("voice_activity_confidence"), share("speaking_time_ratio"),
                share("distortion_level"), share("noise_level"), share("overall_quality_score", required=True),
            ),
        ),
        AudioModel(
            "AudioStreamingSession",
            (
                text("bot_session_id", required=True), one_of("source_type", SOURCES, required=True),
                positive("chunks_processed"), positive("total_duration"), positive("average_processing_time"),
                share("average_quality_score"), positive("error_count"),
            ),
            (_after("ended_at", "started_at", same=True),),
            (("chunk_config", "AudioChunkingConfig"),),
        ),
    )
}  # fmt: skip
"""Name → model."""


def violations(model: str, values: Values) -> tuple[str, ...]:
    """What of the values breaks the model, in sentences; nothing where all holds. Takes whatever comes.

    >>> violations("AudioChunkingConfig", {"chunk_duration": 99, "overlap_duration": "x"})
    ('chunk_duration is 99, from 0.5 to 10 may be', "overlap_duration is 'x', no number")
    """
    return tuple(_broken(MODELS[model], values))


def _broken(model: AudioModel, values: Values) -> Iterator[str]:
    for field in model.fields:
        said = _wrong(field, values.get(field.name))
        if said:
            yield f"{field.name} {said}"
    for rule in model.rules:
        said = rule(values)
        if said:
            yield said
    for name, nested in model.nested:
        inner = values.get(name)
        if isinstance(inner, Mapping):
            yield from (f"{name}.{said}" for said in _broken(MODELS[nested], inner))
        elif inner is not None:
            yield f"{name} is no {nested}"


def _wrong(field: Field, value: Any) -> str:
    if value is None or value == "":
        return "is missing" if field.required else ""
    if field.words:
        return (
            ""
            if isinstance(value, str) and value in field.words
            else f"is {shown(value, 40)!r}, which is none of its words"
        )
    if not field.number:
        return ""
    number = _comparable(value)
    if number is None:
        return f"is {shown(value, 40)!r}, no number"
    if field.least <= number <= field.most:
        return ""
    most = f"to {field.most:g}" if math.isfinite(field.most) else "on"
    return f"is {number:g}, from {field.least:g} {most} may be"


def _comparable(value: Any) -> float | None:
    """The value as a number, times as seconds; None for anything else."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond every float
        return None
