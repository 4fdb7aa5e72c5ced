"""The sums over each session's children, kept between readings: history once a minute, the last minutes every time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from backends.bots import rows
from backends.bots.model import Activity, Children, Speech
from backends.bots.queries import sql
from backends.bots.shape import Shape

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection


class Sum(Protocol):
    """What can be added up."""

    def plus(self, later: Self) -> Self:
        """Both together."""
        ...


T = TypeVar("T", bound=Sum)

RECENT: Final = timedelta(seconds=300)
"""How far back the children are read anew each time. What is stored later than that after it was said is counted with
the next whole reading."""

WHOLE_EVERY_S: Final = 60.0
"""Seconds between two whole readings at least."""

WHOLE_SHARE: Final = 0.01
"""Share of the time that whole readings may take: a costly one is repeated less often."""


class Tallies:
    """Sums for sessions that are looked at again and again.

    Everything before a mark is summed once, everything since then at each reading, so that a session with a long
    history costs no more than what happens in it now. Once a minute the mark moves on and all is summed anew.
    """

    def __init__(self) -> None:
        self._speech = Tally("speech", rows.speech, Speech())
        self._activity = Tally("activity", rows.activity, Activity(), list(rows.CHANGE_EVENTS))
        self._mark: datetime | None = None
        self._whole_at = 0.0
        # Two at once would sum before different marks.
        self._turn = asyncio.Lock()

    async def read(
        self, connection: Connection, shape: Shape, ids: Sequence[str], now: datetime
    ) -> Mapping[str, Children]:
        """The children of each of the sessions. Raises what the driver raises."""
        async with self._turn:
            return await self._read(connection, shape, ids, now)

    async def _read(
        self, connection: Connection, shape: Shape, ids: Sequence[str], now: datetime
    ) -> Mapping[str, Children]:
        started = time.monotonic()
        whole = self._mark is None or started >= self._whole_at
        mark = self._restart(now - RECENT) if whole or self._mark is None else self._mark
        speech = await self._speech.read(connection, ids, mark) if shape.has("speech") else {}
        activity = await self._activity.read(connection, ids, mark) if shape.has("activity") else {}
        if whole:
            self._whole_at = started + max(WHOLE_EVERY_S, (time.monotonic() - started) / WHOLE_SHARE)
        people = await _participants(connection, ids) if shape.has("people") else None
        latency = await _latency(connection, ids, mark) if shape.has("latency") else {}
        return {
            id_: Children(
                speech=speech[id_][0] if speech else None,
                activity=activity[id_][0] if activity else None,
                recent=activity[id_][1] if activity else None,
                participants=people.get(id_, 0) if people is not None else None,
                latency_s=latency.get(id_),
            )
            for id_ in ids
        }

    def _restart(self, mark: datetime) -> datetime:
        self._mark = mark
        self._speech.forget()
        self._activity.forget()
        return mark


class Tally(Generic[T]):
    """The sums over one child table, each session's own."""

    def __init__(self, query: str, of: Callable[[rows.Record], T], nothing: T, *arguments: Any) -> None:
        self._sql = query
        self._of = of
        self._nothing = nothing
        self._arguments = arguments
        self._before: dict[str, T] = {}

    def forget(self) -> None:
        """The next reading sums the whole history again."""
        self._before.clear()

    async def read(self, connection: Connection, ids: Sequence[str], mark: datetime) -> dict[str, tuple[T, T]]:
        """For each session all there is, and what there is since the mark. The mark is the same until `forget`."""
        new = [id_ for id_ in ids if id_ not in self._before]
        if new:
            sums = await self._sums(connection, new, None, mark)
            self._before |= {id_: sums.get(id_, self._nothing) for id_ in new}
        since = await self._sums(connection, ids, mark, None)
        recent = {id_: since.get(id_, self._nothing) for id_ in ids}
        return {id_: (self._before[id_].plus(recent[id_]), recent[id_]) for id_ in ids}

    async def _sums(
        self, connection: Connection, ids: Sequence[str], since: datetime | None, before: datetime | None
    ) -> dict[str, T]:
        records = await connection.fetch(sql(self._sql), ids, since, before, *self._arguments)
        return {record["session_id"]: self._of(record) for record in records}


async def _participants(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    records = await connection.fetch(sql("people"), ids)
    return {record["session_id"]: int(record["participants"]) for record in records}


async def _latency(connection: Connection, ids: Sequence[str], since: datetime) -> dict[str, float]:
    """Mean seconds of processing a chunk since then, for the sessions in which one was."""
    records = await connection.fetch(sql("latency"), ids, since)
    return {record["session_id"]: float(record["ms"]) / 1000 for record in records if record["ms"] is not None}
