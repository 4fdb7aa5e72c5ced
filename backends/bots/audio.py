"""A session's audio files beside what their rows say, and whatever breaks the ranges of the audio models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backends.bots.audio_files import FileState, state_of
from backends.bots.audio_models import violations
from backends.bots.model import Finding
from backends.bots.queries import sql
from backends.bots.safe import finite, json_object, shown, utc
from backends.bots.shape import Shape
from backends.sampling.state import State

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection

FILES_LIMIT: Final = 50
CHECKED_LIMIT: Final = 200
"""Rows of each kind whose ranges are checked, the newest."""

_FORMATS: Final = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "vnd.wave": "wav", "m4a": "mp4", "x-m4a": "mp4"}


@dataclass(frozen=True, slots=True)
class AudioFile:
    """An audio file's row: bytes, seconds. state is how the file stands, None as long as nobody looked."""

    file_id: str
    name: str
    path: str
    size: int
    hash: str
    duration: float | None
    sample_rate: int | None
    channels: int | None
    start_time: datetime | None
    state: FileState | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """The newest files (None where this database can't tell), and what is wrong with audio and correlations."""

    files: tuple[AudioFile, ...] | None
    findings: tuple[Finding, ...]


async def read_audio(connection: Connection, shape: Shape, id_: str) -> Audio:
    """The files and the findings. Raises what the driver raises."""
    records = await connection.fetch(sql("audio"), id_, FILES_LIMIT) if shape.has("audio") else None
    matches = await connection.fetch(sql("correlated"), id_, CHECKED_LIMIT) if shape.has("correlated") else []
    measured = await connection.fetch(sql("measured"), id_, CHECKED_LIMIT) if shape.has("measured") else []
    given = await connection.fetchrow(sql("given_config"), id_) if shape.has("given_config") else None
    metadata = json_object(given["metadata"]) if given is not None else {}
    found = (
        _finding("audio files", "AudioChunkMetadata", [_chunk(id_, record) for record in records or ()]),
        _finding("correlations", "SpeakerCorrelation", [_match(id_, record) for record in matches]),
        _finding("chunks", "ProcessingResult", [_result(id_, record) for record in measured]),
        _finding("chunks", "ChunkLineage", [_lineage(id_, record) for record in measured]),
        _finding("chunks", "QualityMetrics", [_quality(record) for record in measured]),
        _finding("configuration", "AudioChunkingConfig", _objects(metadata, "audio_config")),
        _finding("stream", "AudioStreamingSession", _objects(metadata, "streaming")),
    )
    files = None if records is None else tuple(_file(record) for record in records)
    return Audio(files, tuple(finding for finding in found if finding is not None))


async def checked_files(files: Iterable[AudioFile]) -> tuple[AudioFile, ...]:
    """The files, each with how it stands to its row: size and sha256, read off the loop."""

    def look(file: AudioFile) -> AudioFile:
        return replace(file, state=state_of(file.path, file.size, file.hash))

    return tuple([await asyncio.to_thread(look, file) for file in files])


def file_findings(files: Iterable[AudioFile]) -> tuple[Finding, ...]:
    """What is wrong with the files that were looked at."""
    wrong = (FileState.OTHER_SIZE, FileState.OTHER_CONTENT, FileState.NO_FILE, FileState.MISSING)
    by_state = {state: [file for file in files if file.state is state] for state in wrong}
    return tuple(
        Finding("audio file", State.CRITICAL, f"{len(found)} with {state.value}: {found[0].name}")
        for state, found in by_state.items()
        if found
    )


def _finding(what: str, model: str, rows: list[Mapping[str, Any]]) -> Finding | None:
    """One finding for all rows that break a model, with the first as its evidence."""
    broken = [said for row in rows if (said := violations(model, row))]
    if not broken:
        return None
    return Finding("out of range", State.WARNING, f"{len(broken)} of {len(rows)} {what} break {model}: {broken[0][0]}")


def _chunk(id_: str, record: Any) -> Mapping[str, Any]:
    kind = str(record["mime"] or "").rpartition("/")[2].lower()
    return {
        "session_id": id_,
        "file_path": record["path"],
        "file_name": record["name"],
        "file_size": record["size"],
        "file_format": _FORMATS.get(kind, kind),
        "duration_seconds": record["duration"],
        "sample_rate": record["sample_rate"],
        "channels": record["channels"],
        "chunk_start_time": utc(record["start_time"]),
        "chunk_end_time": utc(record["end_time"]),
    }


def _match(id_: str, record: Any) -> Mapping[str, Any]:
    return {
        "session_id": id_,
        "correlation_confidence": record["confidence"],
        "text_similarity_score": record["similarity_score"],
        "timing_offset": record["time_offset"],
    }


def _result(id_: str, record: Any) -> Mapping[str, Any]:
    return {
        "session_id": id_,
        "chunk_id": record["chunk_id"] or "?",
        "processing_stage": "processing",
        "status": "failed" if record["failed"] else "completed",
        "processing_time_ms": record["time_ms"],
        "quality_score": record["quality_out"],
    }


def _lineage(id_: str, record: Any) -> Mapping[str, Any]:
    return {
        "session_id": id_,
        "source_chunk_id": record["chunk_id"] or "?",
        "processing_stage": "processing",
        "transformation_type": "enhancement",
        "input_quality_score": record["quality_in"],
        "output_quality_score": record["quality_out"],
        "processing_time_ms": record["time_ms"],
    }


def _quality(record: Any) -> Mapping[str, Any]:
    known = record["quality_out"] if record["quality_out"] is not None else record["quality_in"]
    return {"overall_quality_score": known if known is not None else 0.0}


def _objects(metadata: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = metadata.get(name)
    return [value] if isinstance(value, dict) else []


def _file(record: Any) -> AudioFile:
    return AudioFile(
        file_id=record["file_id"],
        name=shown(record["name"]),
        path=str(record["path"] or ""),
        size=int(record["size"] or 0),
        hash=shown(record["hash"]),
        duration=finite(record["duration"]),
        sample_rate=record["sample_rate"],
        channels=record["channels"],
        start_time=utc(record["start_time"]),
    )
