"""Rows as the audio models see them, and what breaks a model as a finding. Pure.

Model A's columns hold only some of a model's fields; others stand in a row's metadata under the model's own names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from backends.bots.audio_models import MODELS, Values, violations
from backends.bots.model import Finding
from backends.bots.rows import Record
from backends.bots.safe import json_object, utc
from backends.sampling.state import State

FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "m4a": "mp4", "x-m4a": "mp4"}
"""Formats by the other names that a MIME type may have for them."""

STAGE_STATUSES: Final = {"completed": "completed", "bypassed": "completed", "error": "failed"}
"""The models' words for the statuses of stages; another word breaks the model."""


def finding(what: str, model: str, rows: Sequence[Values]) -> Finding | None:
    """One finding for all rows that break a model, with the first as its evidence."""
    broken = [said for row in rows if (said := violations(model, row))]
    if not broken:
        return None
    return Finding("out of range", State.WARNING, f"{len(broken)} of {len(rows)} {what} break {model}: {broken[0][0]}")


def file(session_id: str, record: Record) -> Values:
    """An audio file, for AudioChunkMetadata."""
    kind = str(record["mime"] or "").rpartition("/")[2].lower()
    return _with(
        "AudioChunkMetadata",
        record["metadata"],
        session_id=session_id,
        file_path=record["path"],
        file_name=record["name"],
        file_size=record["size"],
        file_format=FORMATS.get(kind, kind),
        duration_seconds=record["duration"],
        sample_rate=record["sample_rate"],
        channels=record["channels"],
        chunk_start_time=utc(record["start_time"]),
        chunk_end_time=utc(record["end_time"]),
    )


def match(session_id: str, record: Record) -> Values:
    """A correlation, for SpeakerCorrelation."""
    return _with(
        "SpeakerCorrelation",
        record["metadata"],
        session_id=session_id,
        correlation_confidence=record["confidence"],
        text_similarity_score=record["similarity_score"],
        timing_offset=record["time_offset"],
    )


def stage(session_id: str, record: Record) -> Values:
    """A stage of a chunk, for ProcessingResult."""
    word = str(record["status"] or "").lower()
    return {
        "session_id": session_id,
        "chunk_id": record["chunk_id"],
        "processing_stage": record["stage"],
        "status": STAGE_STATUSES.get(word, word),
        "processing_time_ms": record["time_ms"],
    }


def chunk(session_id: str, record: Record) -> Values:
    """A whole chunk, for ProcessingResult."""
    return {
        "session_id": session_id,
        "chunk_id": record["chunk_id"],
        "processing_stage": "all stages",
        "status": "failed" if record["failed"] else "completed",
        "processing_time_ms": record["time_ms"],
        "quality_score": record["quality_out"],
    }


def lineage(session_id: str, record: Record) -> Values:
    """A whole chunk, for ChunkLineage."""
    return {
        "session_id": session_id,
        "source_chunk_id": record["chunk_id"],
        "processing_stage": "all stages",
        "transformation_type": "enhancement",
        "input_quality_score": record["quality_in"],
        "output_quality_score": record["quality_out"],
        "processing_time_ms": record["time_ms"],
    }


def qualities(records: Iterable[Record]) -> list[Values]:
    """The scores of chunks, for QualityMetrics; a chunk without one has none to be judged."""
    scores = (record[name] for record in records for name in ("quality_in", "quality_out"))
    return [{"overall_quality_score": score} for score in scores if score is not None]


def _with(model: str, metadata: object, **columns: Any) -> Values:
    """The columns, and what the metadata (a JSON text or document) says of the model's other fields."""
    said: Mapping[str, Any] = metadata if isinstance(metadata, dict) else json_object(_text(metadata))
    names = {field.name for field in MODELS[model].fields} - columns.keys()
    return {**{name: said[name] for name in names & said.keys()}, **columns}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
