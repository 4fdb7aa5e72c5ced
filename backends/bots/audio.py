"""A session's audio files beside what their rows say, and whatever breaks the ranges of the audio models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backends.bots import audio_inputs as inputs
from backends.bots.audio_files import FileState, state_of
from backends.bots.audio_inputs import finding
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
    staged = await connection.fetch(sql("staged"), id_, CHECKED_LIMIT) if shape.has("staged") else []
    results = [*(inputs.stage(id_, record) for record in staged), *(inputs.chunk(id_, record) for record in measured)]
    found = (
        finding("audio files", "AudioChunkMetadata", [inputs.file(id_, record) for record in records or ()]),
        finding("correlations", "SpeakerCorrelation", [inputs.match(id_, record) for record in matches]),
        finding("results", "ProcessingResult", results),
        finding("chunks", "ChunkLineage", [inputs.lineage(id_, record) for record in measured]),
        finding("scores", "QualityMetrics", inputs.qualities(measured)),
        finding("configuration", "AudioChunkingConfig", _objects(metadata, "audio_config")),
        finding("stream", "AudioStreamingSession", _objects(metadata, "streaming")),
    )
    files = None if records is None else tuple(_file(record) for record in records)
    return Audio(files, tuple(each for each in found if each is not None))


async def checked_files(files: Iterable[AudioFile]) -> tuple[AudioFile, ...]:
    """The files, each with how it stands to its row: size and sha256, read off the loop."""

    def look(file: AudioFile) -> AudioFile:
        return replace(file, state=state_of(file.path, file.size, file.hash))

    return tuple([await asyncio.to_thread(look, file) for file in files])


def as_checked(files: Iterable[AudioFile], checked: Iterable[AudioFile]) -> tuple[AudioFile, ...]:
    """The files as they are now, each with what an earlier look found; nothing for one that came or changed since."""
    states = {(file.file_id, file.size, file.hash): file.state for file in checked}
    return tuple(replace(file, state=states.get((file.file_id, file.size, file.hash))) for file in files)


def file_findings(files: Iterable[AudioFile]) -> tuple[Finding, ...]:
    """What is wrong with the files that were looked at."""
    wrong = (FileState.OTHER_SIZE, FileState.OTHER_CONTENT, FileState.NO_FILE, FileState.MISSING)
    by_state = {state: [file for file in files if file.state is state] for state in wrong}
    return tuple(
        Finding("audio file", State.CRITICAL, f"{len(found)} with {state.value}: {found[0].name}")
        for state, found in by_state.items()
        if found
    )


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
