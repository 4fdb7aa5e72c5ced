"""What goes through a session: its pipeline and its audio."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.bots.audio import Audio, read_audio
from backends.bots.model import SessionRow
from backends.bots.pipeline import Pipeline, read_pipeline
from backends.bots.shape import Shape

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection

FLOW_QUERIES: Final = (
    "pipe_audio",
    "pipe_lines",
    "pipe_translations",
    "pipe_correlations",
    "stages",
    "chunks",
    "windows",
    "audio",
)


@dataclass(frozen=True, slots=True)
class Flow:
    """Pipeline and audio at a time (the server's clock); missing says what can't be told, and why."""

    at: datetime
    pipeline: Pipeline
    audio: Audio
    missing: tuple[str, ...]


async def read_flow(connection: Connection, shape: Shape, row: SessionRow, at: datetime) -> Flow:
    """The session's flow. Raises what the driver raises."""
    pipeline = await read_pipeline(connection, shape, row)
    audio = await read_audio(connection, shape, row.session_id)
    return Flow(at, pipeline, audio, shape.missing_for(*FLOW_QUERIES))
