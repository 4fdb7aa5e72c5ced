"""What screens and commands ask about bot sessions: a few small queries each, all of them reading only."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.bots.cursors import Cursor
from backends.bots.model import Children, Sessions, SessionRow, Status
from backends.bots.page import SessionPage, TailPage
from backends.bots.pages import read_page, read_tail
from backends.bots.queries import sql
from backends.bots.rows import session_row
from backends.bots.rules import judged
from backends.bots.safe import shown, utc
from backends.bots.shape import Shape, read_shape
from backends.bots.status import live_words, shown_status, words_meaning
from backends.bots.tallies import Tallies
from backends.clients.errors import DeadlineExceeded
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient
    from backends.clients.postgres import Session as Connection

LIVE_LIMIT: Final = 500
"""Live sessions that are watched at most, the newest first."""

NEWEST_LIMIT: Final = 100
"""Newest sessions that are watched beside them, ended ones included."""

PAGE_LIMIT: Final = 1000
"""Sessions of one page of the list at most."""

SHAPE_S: Final = 30.0
"""Seconds after which the tables are looked at again: a migration may have brought what was missing."""

SUMS_PAUSE_S: Final = 60.0
"""Seconds without sums after they took too long."""

SUMS: Final = ("speech", "activity", "people", "latency")


class BotsService:
    """Bot sessions as the orchestration service's Postgres has them. Every method raises BackendError only."""

    def __init__(self, postgres: PostgresClient) -> None:
        self._postgres = postgres
        self._tallies = Tallies()
        self._shape: tuple[float, Shape] | None = None
        self._sums_at = 0.0

    async def watch(self) -> Sessions:
        """The live sessions and the newest ones, newest first; how many there are of each status."""
        async with self._postgres.reading() as connection:
            shape = await self.shape(connection)
            raw = await _counts(connection)
            live = live_words(raw)
            ids = await connection.fetch(sql("watched"), live, LIVE_LIMIT, NEWEST_LIMIT)
            found, at = await _rows(connection, [record["session_id"] for record in ids])
        return await self._judged(found, at, raw, shape, self._tallies)

    async def list(self, status: str | None = None, limit: int = 50, after: Cursor | None = None) -> Sessions:
        """A page of sessions, newest first: of one status as it is shown (None: all), after a cursor."""
        limit = min(max(limit, 1), PAGE_LIMIT)
        async with self._postgres.reading() as connection:
            shape = await self.shape(connection)
            raw = await _counts(connection)
            words = None if status is None else words_meaning(status, raw)
            place = (after.time, after.id) if after else (None, None)
            ids = await connection.fetch(sql("newest"), words, *place, limit + 1)
            found, at = await _rows(connection, [record["session_id"] for record in ids[:limit]])
        more = len(ids) > limit and bool(found)
        page = await self._judged(found, at, raw, shape, Tallies())
        last = page.sessions[-1] if more else None
        return replace(page, next=str(Cursor(last.created_at, last.session_id)) if last else None)

    async def shape(self, connection: Connection) -> Shape:
        """What this database has. Raises NotThere where there are no sessions to be shown."""
        if self._shape is None or time.monotonic() - self._shape[0] > SHAPE_S:
            shape = await read_shape(connection)
            shape.check_sessions(self._postgres.target.where)
            self._shape = time.monotonic(), shape
        return self._shape[1]

    async def session(self, session_id: str) -> SessionPage:
        """All about one session but what was said. Raises NotThere where there is none with this id."""
        id_ = uuid_of(session_id)
        async with self._postgres.reading() as connection:
            shape = await self.shape(connection)
            found, at = await _rows(connection, [id_])
            if not found:
                raise NotThere(f"There is no session {id_}.", where=self._postgres.target.where)
            parts = await read_page(connection, shape, found[0], at)
        children, slow = await self._children(found, at, shape, self._page_tallies(id_))
        session = judged(found[0], children.get(id_, Children()), at)
        return page_of(session, parts, (*shape.missing(*SUMS, *PAGE_QUERIES), *slow))
    async def _judged(
        self, found: Sequence[SessionRow], at: datetime, raw: Mapping[str, int], shape: Shape, tallies: Tallies
    ) -> Sessions:
        children, missing = await self._children(found, at, shape, tallies)
        sessions = tuple(judged(row, children.get(row.session_id, Children()), at) for row in found)
        return Sessions(at, sessions, shown_counts(raw), None, (*shape.missing(*SUMS), *missing))

    async def _children(
        self, found: Sequence[SessionRow], at: datetime, shape: Shape, tallies: Tallies
    ) -> tuple[Mapping[str, Children], tuple[str, ...]]:
        """The sums; where they take too long, the sessions are shown without them, and it is said."""
        if time.monotonic() < self._sums_at:
            return {}, ("the sums took too long: no words, health or participants for a minute",)
        try:
            async with self._postgres.reading() as connection:
                return await tallies.read(connection, shape, [row.session_id for row in found], at), ()
        except DeadlineExceeded as error:
            self._sums_at = time.monotonic() + SUMS_PAUSE_S
            return {}, (f"the sums took too long ({error.message}): no words, health or participants for a minute",)
