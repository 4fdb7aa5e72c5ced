"""What screens and commands ask about bot sessions: a few small queries each, all of them reading only."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from backends.bots.cursors import Cursor
from backends.bots.effects import Asked, Traces
from backends.bots.faults import fault_counts
from backends.bots.flow import Flow, read_flow
from backends.bots.managers.model import ServiceView
from backends.bots.model import Activity, Children, FaultCount, Session, SessionRow, Sessions, Status, Stray
from backends.bots.page import Line, SessionPage, Statistics, Tail
from backends.bots.pages import (
    PAGE_QUERIES,
    PARTICIPANTS_LIMIT,
    count_lines,
    read_changes,
    read_events,
    read_lines_since,
    read_participants,
    read_tail,
)
from backends.bots.processes import GLANCE_S, HELD_S, Processes, read_strays, runs
from backends.bots.queries import sql
from backends.bots.rows import session_row
from backends.bots.rules import judged
from backends.bots.safe import utc
from backends.bots.shape import Shape, read_shape
from backends.bots.statistics import read_statistics
from backends.bots.status import counts_as_shown, live_words, words_meaning
from backends.bots.tallies import RECENT, Tallies
from backends.bots.timeline import impossible_changes, spans
from backends.bots.unmasking import Sight
from backends.clients.errors import DeadlineExceeded, NotThere
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.bots.managers.unified import UnifiedBotManager
    from backends.clients.postgres import PostgresClient
    from backends.clients.postgres import Session as Connection

LIVE_LIMIT: Final = 500
"""Live sessions that are watched at most, the newest first."""

NEWEST_LIMIT: Final = 100
"""Newest sessions that are watched beside them, ended ones included."""

FAILURES_LIMIT: Final = 5_000
"""Failures of the last day that are counted at most."""

PAGE_LIMIT: Final = 1000
"""Sessions of one page of the list at most."""

SHAPE_S: Final = 30.0
"""Seconds after which the tables are looked at again: a migration may have brought what was missing."""

SUMS_PAUSE_S: Final = 60.0
"""Seconds without sums after they took too long."""

SUMS_TOO_SLOW: Final = "the sums took too long: no telling words, participants and health for a minute"

SUMS: Final = ("speech", "activity", "people", "latency")


class BotsService:
    """Bot sessions as the orchestration service's Postgres has them. Every method raises BackendError only."""

    def __init__(self, postgres: PostgresClient, manager: UnifiedBotManager | None = None) -> None:
        self._postgres = postgres
        self._processes = Processes(manager)
        self._tallies = Tallies()
        self._shape: tuple[float, Shape] | None = None
        self._page: tuple[str, Tallies] = ("", Tallies())
        self._sums_at = 0.0

    async def watch(self) -> Sessions:
        """The live sessions and the newest ones, newest first; how many there are of each status."""
        view = await self._processes.view(GLANCE_S)
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            raw = await _counts(connection)
            live = live_words(raw)
            ids = await connection.fetch(sql("watched"), live, LIVE_LIMIT, NEWEST_LIMIT)
            found, at = await _rows(connection, [record["session_id"] for record in ids])
            faults = await _faults(connection, raw, at)
            strays = await self._strays(connection, shape, view, at)
        judged = await self._judged(found, at, raw, shape, self._tallies, view)
        return replace(judged, strays=strays, faults=faults)

    async def answers(self) -> None:
        """Whether the server is there. Raises BackendError where it isn't."""
        async with self._reading() as connection:
            await connection.fetchval("SELECT 1")

    async def recent_errors(self) -> Activity | None:
        """The events of the last five minutes over all sessions; None where this database can't tell them."""
        async with self._reading() as connection:
            if not (await self._known_shape(connection)).has("activity"):
                return None
            now = utc(await connection.fetchval("SELECT now()")) or utc_now()
            (found,) = await connection.fetch(sql("recent_errors"), now - RECENT)
        return Activity(int(found["events"]), int(found["errors"]))

    async def list(self, status: str | None = None, limit: int = 50, after: Cursor | None = None) -> Sessions:
        """A page of sessions, newest first: of one status as it is shown (None: all), after a cursor."""
        limit = min(max(limit, 1), PAGE_LIMIT)
        view = await self._processes.view()
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            raw = await _counts(connection)
            words = None if status is None else words_meaning(status, raw)
            place = (after.time, after.id) if after else (None, None)
            ids = await connection.fetch(sql("newest"), words, *place, limit + 1)
            found, at = await _rows(connection, [record["session_id"] for record in ids[:limit]])
            first = status is None and after is None
            strays = await self._strays(connection, shape, view, at) if first else ()
        more = len(ids) > limit and bool(found)
        page = await self._judged(found, at, raw, shape, Tallies(), view)
        last = page.sessions[-1] if more else None
        return replace(page, next=str(Cursor(last.created_at, last.session_id)) if last else None, strays=strays)

    async def renewed(self, held: Sessions, ids: Collection[str]) -> Sessions:
        """The sessions with those of the ids read anew: changed, come or gone. All the rest is as it was held."""
        wanted, view = [id_ for id_ in ids if _is_uuid(id_)], await self._processes.view(GLANCE_S)
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            raw = await _counts(connection)
            found, at = await _rows(connection, wanted)
        new = await self._judged(found, at, raw, shape, self._tallies, view)
        kept = [session for session in held.sessions if session.session_id not in ids]
        merged = sorted((*kept, *new.sessions), key=lambda each: (each.created_at, each.session_id), reverse=True)
        return replace(new, sessions=tuple(merged), strays=held.strays, faults=held.faults)

    async def bot(self, id_: str) -> Session | Stray:
        """A session by its id, or a stray by its bot's. Raises NotThere."""
        try:
            return (await self.session(id_)).session
        except NotThere:
            strays = (await self.list(limit=1)).strays
            found = next((each for each in strays if each.bot_id == id_), None)
            if found is None:
                raise
            return found

    async def traces(self, asked: Sequence[Asked]) -> Traces:
        """What is there of what was asked for, whatever a list or a page shows."""
        view = await self._processes.view(GLANCE_S, held_s=1.0 if any(each.stray for each in asked) else HELD_S)
        ids = [each.session_id for each in asked if _is_uuid(each.session_id)]
        others = [each.bot_id for each in asked if each.bot_id], [each.meeting_id for each in asked if each.meeting_id]
        async with self._reading() as connection:
            await self._known_shape(connection)
            found = await connection.fetch(sql("traces"), ids, *others)
            rows, _ = await _rows(connection, [record["session_id"] for record in found])
        return Traces(tuple(rows), view)

    async def beforehand(self, asked: Asked) -> Asked:
        """With the sessions that the meeting has before anything is asked: another one is what came of it."""
        rows = (await self.traces([asked])).rows
        meeting = (each.session_id for each in rows if each.meeting_id == asked.meeting_id)
        return replace(asked, meeting=frozenset(meeting))

    async def session(self, session_id: str, sight: Sight | None = None) -> SessionPage:
        """What is going on in one session; sight is that of a person who may see personal data.

        Raises NotThere where there is no session with this id.
        """
        view = await self._processes.view()
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            row, at = await self._row(connection, session_id)
            timeline = spans(row, await read_changes(connection, shape, row.session_id), at)
            seen = sight is not None and sight.sees(row.session_id)
            participants, names = await read_participants(connection, shape, row.session_id, seen)
            events = await read_events(connection, shape, row.session_id, seen, names)
        children, slow = await self._children([row], at, shape, self._tallies_of(row.session_id))
        session = judged(row, children.get(row.session_id, Children()), at, runs(view, row))
        return SessionPage(
            at=at,
            session=session,
            timeline=timeline,
            participants=participants[:PARTICIPANTS_LIMIT] if participants is not None else None,
            events=events.newest if events is not None else None,
            more_participants=len(participants or ()) > PARTICIPANTS_LIMIT,
            more_events=events is not None and events.more,
            findings=(*session.findings, *impossible_changes(timeline)),
            missing=(*shape.missing(), *shape.missing_for(*SUMS, *PAGE_QUERIES), *slow, *self._processes.problem),
            grave=events.grave if events is not None else (),
            severities=events.severities if events is not None else {},
        )

    async def statistics(self, session_id: str) -> Statistics:
        """One session's totals, counted now: the cost grows with its history. Raises NotThere."""
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            row, at = await self._row(connection, session_id)
            return await read_statistics(connection, shape, row, at)

    async def flow(self, session_id: str) -> Flow:
        """One session's pipeline and audio, counted now: the cost grows with its history. Raises NotThere."""
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            row, at = await self._row(connection, session_id)
            return await read_flow(connection, shape, row, at)

    async def tail(
        self, session_id: str, limit: int = 50, before: Cursor | None = None, *, sight: Sight | None = None
    ) -> Tail:
        """What was said, newest first, before the cursor. An unknown session has said nothing."""
        seen = sight is not None and sight.sees(session_id)
        async with self._reading() as connection:
            shape = await self._known_shape(connection)
            return await read_tail(connection, shape, self._uuid(session_id), limit, before, seen)

    async def lines_since(
        self, session_id: str, since: Cursor | None, anchor: Cursor | None, limit: int, *, sight: Sight | None = None
    ) -> tuple[tuple[Line, ...], int]:
        """The newest lines from `since` on, newest first; how many there are from `anchor` on, to twice the limit."""
        seen = sight is not None and sight.sees(session_id)
        async with self._reading() as connection:
            shape, id_ = await self._known_shape(connection), self._uuid(session_id)
            if not shape.has("lines"):
                return (), 0
            count = await count_lines(connection, id_, anchor, 2 * limit)
            return await read_lines_since(connection, shape, id_, since, limit, seen), count

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """A reading connection; where something isn't there, the tables are looked at again next time."""
        try:
            async with self._postgres.reading() as connection:
                yield connection
        except NotThere:
            self._shape = None
            raise

    async def _known_shape(self, connection: Connection) -> Shape:
        """What this database has. Raises NotThere where there are no sessions to be shown."""
        if self._shape is None or time.monotonic() - self._shape[0] > SHAPE_S:
            shape = await read_shape(connection)
            shape.check_sessions(self._postgres.target.where)
            self._shape = time.monotonic(), shape
        return self._shape[1]

    async def _row(self, connection: Connection, session_id: str) -> tuple[SessionRow, datetime]:
        rows, at = await _rows(connection, [self._uuid(session_id)])
        if not rows:
            raise self._no_session(session_id)
        return rows[0], at

    def _uuid(self, session_id: str) -> str:
        try:
            return str(UUID(session_id.strip()))
        except ValueError:
            raise self._no_session(session_id) from None

    def _no_session(self, session_id: str) -> NotThere:
        where = self._postgres.target.where
        return NotThere(f"There is no session {session_id}.", where=where, hint="`olorin bots list` shows the ids.")

    def _tallies_of(self, session_id: str) -> Tallies:
        """The sums of the page that is open; another page's are forgotten."""
        if self._page[0] != session_id:
            self._page = session_id, Tallies()
        return self._page[1]

    async def _strays(
        self, connection: Connection, shape: Shape, view: ServiceView | None, at: datetime
    ) -> tuple[Stray, ...]:
        return await read_strays(connection, view, at) if shape.knows("bot_id") else ()

    async def _judged(
        self,
        found: Sequence[SessionRow],
        at: datetime,
        raw: Mapping[str, int],
        shape: Shape,
        tallies: Tallies,
        view: ServiceView | None,
    ) -> Sessions:
        children, slow = await self._children(found, at, shape, tallies)
        known = view if shape.knows("bot_id") else None
        sessions = tuple(judged(row, children.get(row.session_id, Children()), at, runs(known, row)) for row in found)
        missing = (*shape.missing(), *shape.missing_for(*SUMS), *slow, *self._processes.problem)
        return Sessions(at, sessions, counts_as_shown(raw), None, missing)

    async def _children(
        self, found: Sequence[SessionRow], at: datetime, shape: Shape, tallies: Tallies
    ) -> tuple[Mapping[str, Children], tuple[str, ...]]:
        """The sums; where they take too long, the sessions are shown without them, and it is said."""
        if not found:
            return {}, ()
        if time.monotonic() < self._sums_at:
            return {}, (SUMS_TOO_SLOW,)
        try:
            async with self._reading() as connection:
                return await tallies.read(connection, shape, [row.session_id for row in found], at), ()
        except DeadlineExceeded:
            self._sums_at = time.monotonic() + SUMS_PAUSE_S
            return {}, (SUMS_TOO_SLOW,)


async def _counts(connection: Connection) -> dict[str, int]:
    """Sessions by the word in the table."""
    return {record["status"]: int(record["sessions"]) for record in await connection.fetch(sql("counts"))}


async def _faults(connection: Connection, raw: Mapping[str, int], at: datetime) -> tuple[FaultCount, ...]:
    """The last day's failures by side."""
    words = words_meaning(Status.FAILED.value, raw)
    records = await connection.fetch(sql("failures"), words, FAILURES_LIMIT) if words else []
    return fault_counts(((utc(record["at"]) or at, record["error"] or "") for record in records), at)


async def _rows(connection: Connection, ids: Sequence[str]) -> tuple[list[SessionRow], datetime]:
    """The sessions with these ids, newest first, and the server's time."""
    records = await connection.fetch(sql("sessions"), ids)
    at = await connection.fetchval("SELECT now()")
    return [session_row(record) for record in records], utc(at) or utc_now()


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
