"""A session's pipeline: audio → transcript → translation → correlation, with what is lost and late at each arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from backends.bots.model import SessionRow
from backends.bots.queries import sql
from backends.bots.safe import finite, shown, utc
from backends.bots.shape import Shape

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection


@dataclass(frozen=True, slots=True)
class Step:
    """A step: how many it made, and up to which moment of the meeting. None is what this database can't tell."""

    name: str
    number: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one step to the next: how many of how many did not arrive, and how far the next is behind in seconds.

    What goes into a translation is counted by line and language, what goes into a correlation is the lines.
    """

    lost: int | None
    of: int | None
    lag_s: float | None

    @property
    def loss(self) -> float | None:
        """The share that was lost; None where there is nothing to lose, or it isn't known."""
        return self.lost / self.of if self.lost is not None and self.of else None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the audio processing: latencies in ms, and how often it was late, bypassed, failed."""

    name: str
    number: int
    p95_ms: float | None
    p99_ms: float | None
    target_ms: float | None
    late: int
    bypassed: int
    errors: int


@dataclass(frozen=True, slots=True)
class Chunks:
    """The processed chunks. factor: processing time by audio time, on average and at p95; above 1 it falls behind."""

    number: int
    factor: float | None
    factor_p95: float | None
    bypassed: int
    warnings: int
    errors: int


@dataclass(frozen=True, slots=True)
class Window:
    """The whole service over some minutes, as it counted itself; rates are shares."""

    minutes: int
    until: datetime | None
    chunks: int
    p95_ms: float | None
    p99_ms: float | None
    error_rate: float | None
    late_rate: float | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps and the arrows between them, the stages of the audio processing, and the service's own windows."""

    steps: tuple[Step, ...]
    arrows: tuple[Arrow, ...]
    stages: tuple[Stage, ...] | None
    chunks: Chunks | None
    windows: tuple[Window, ...] | None


Found = Mapping[str, Any] | None


async def read_pipeline(connection: Connection, shape: Shape, row: SessionRow) -> Pipeline:
    """The session's pipeline now. Raises what the driver raises."""

    async def one(query: str, *arguments: object) -> Found:
        if not shape.has(query):
            return None
        record = await connection.fetchrow(sql(query), row.session_id, *arguments)
        return dict(record) if record is not None else None

    wanted = list(row.target_languages)
    audio, lines = await one("pipe_audio"), await one("pipe_lines", wanted)
    translations, correlations = await one("pipe_translations", wanted), await one("pipe_correlations")
    steps = (
        _step("audio", audio),
        _step("transcript", lines),
        _step("translation", translations),
        _step("correlation", correlations),
    )
    return Pipeline(
        steps,
        arrows(audio, lines, translations, correlations),
        await _stages(connection, shape, row.session_id),
        _chunks(await one("chunks")),
        await _windows(connection, shape),
    )


def arrows(audio: Found, lines: Found, translations: Found, correlations: Found) -> tuple[Arrow, ...]:
    """What is lost and late between the steps, from the steps' records."""
    return (_from_audio(audio, lines), _to_translations(lines, translations), _to_correlations(lines, correlations))


def _from_audio(audio: Found, lines: Found) -> Arrow:
    """The files that no line names; not known where there are lines and none of them names any."""
    if audio is None or lines is None:
        return Arrow(None, None, None)
    linked = lines["of_audio"] or not lines["number"]
    return Arrow(int(audio["lost"]) if linked else None, int(audio["number"]), _lag(audio, lines))


def _to_translations(lines: Found, translations: Found) -> Arrow:
    """The translations that are wanted and missing, a line's into each language by itself.

    One that names no line counts as any of the missing; not known where none names its line.
    """
    if lines is None or translations is None:
        return Arrow(None, None, None)
    wanted, unlinked = int(lines["expected"]), int(translations["unlinked"])
    known = not unlinked or unlinked < translations["number"]
    lost = max(wanted - int(translations["made"]) - unlinked, 0) if known else None
    return Arrow(lost, wanted, _lag(lines, translations))


def _to_correlations(lines: Found, correlations: Found) -> Arrow:
    """The lines without a match. What is matched is what was said; translations have no part in it."""
    if lines is None or correlations is None:
        return Arrow(None, None, None)
    number = int(lines["number"])
    return Arrow(max(number - int(correlations["lines"]), 0), number, _lag(lines, correlations))


def _lag(before: Found, after: Found) -> float | None:
    if before is None or after is None:
        return None
    newest, reached = utc(before["at"]), utc(after["at"])
    return max((newest - reached).total_seconds(), 0.0) if newest and reached else None


def _step(name: str, found: Found) -> Step:
    return Step(name, int(found["number"]) if found else None, utc(found["at"]) if found else None)


async def _stages(connection: Connection, shape: Shape, id_: str) -> tuple[Stage, ...] | None:
    if not shape.has("stages"):
        return None
    return tuple(
        Stage(
            name=shown(record["stage"]),
            number=int(record["number"]),
            p95_ms=finite(record["p95_ms"]),
            p99_ms=finite(record["p99_ms"]),
            target_ms=finite(record["target_ms"]),
            late=int(record["late"]),
            bypassed=int(record["bypassed"]),
            errors=int(record["errors"]),
        )
        for record in await connection.fetch(sql("stages"), id_)
    )


def _chunks(found: Found) -> Chunks | None:
    if found is None:
        return None
    counts = (int(found[name]) for name in ("bypassed", "warnings", "errors"))
    return Chunks(int(found["number"]), finite(found["factor"]), finite(found["factor_p95"]), *counts)


async def _windows(connection: Connection, shape: Shape) -> tuple[Window, ...] | None:
    if not shape.has("windows"):
        return None
    return tuple(
        Window(
            minutes=int(record["minutes"]),
            until=utc(record["until"]),
            chunks=int(record["chunks"]),
            p95_ms=finite(record["p95_ms"]),
            p99_ms=finite(record["p99_ms"]),
            error_rate=finite(record["error_rate"]),
            late_rate=finite(record["late_rate"]),
        )
        for record in await connection.fetch(sql("windows"))
    )
