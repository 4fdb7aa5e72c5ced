"""Clean-up of old sessions: what would go, and letting it go, batch by batch, files after their rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, func, literal_column, select, text

from backends.bots.audio_files import FileState, remove
from backends.bots.repository.base import Repository
from backends.bots.safe import utc
from backends.bots.schema import AudioFile, Base, BotSession
from backends.bots.status import ENDED_WORDS
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from backends.safety.gate import Token

CLEAN: Final = "bots.cleanup"
BATCH: Final = 100
"""Sessions of one transaction."""

COUNT_MS: Final = 60_000
"""Milliseconds that counting what would go may take on the server."""


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """What would be deleted: sessions that ended before `before` (UTC), and the rows of each table that go with them.

    audio_bytes: what their audio files take, as their rows say.
    """

    before: datetime
    rows: Mapping[str, int]
    audio_bytes: int

    @property
    def sessions(self) -> int:
        """Sessions that would go."""
        return self.rows.get(BotSession.__tablename__, 0)


FileRow: TypeAlias = tuple[str, int, str]
"""An audio file as its row describes it: path, bytes, sha256."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one transaction deletes: rows by table, as the server counted them, and the audio files of those rows."""

    rows: Mapping[str, int]
    files: Sequence[FileRow]

    @property
    def sessions(self) -> int:
        """Sessions among them; 0 where none was left to take."""
        return self.rows.get(BotSession.__tablename__, 0)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What one batch deleted: rows by table, as the server counted them, and its audio files by what became of them."""

    rows: Mapping[str, int]
    files: Mapping[str, int]


class CleanupMethods(Repository):
    """Old sessions."""

    async def session_cleanup_plan(self, older_than: timedelta) -> CleanupPlan:
        """What ended longer ago than that, by the server's clock; where no end is known, by its beginning."""
        async with self._reading(COUNT_MS) as session:
            now = utc(await session.scalar(select(func.now()))) or utc_now()
            before = now - older_than
            old = select(BotSession.session_id).where(_is_old(before))
            rows = {}
            for table in await _present(session):
                counted = select(func.count()).select_from(table).where(table.c.session_id.in_(old))
                rows[table.name] = int(await session.scalar(counted) or 0)
            size = select(func.coalesce(func.sum(AudioFile.file_size), 0)).where(AudioFile.session_id.in_(old))
            audio = int(await session.scalar(size) or 0) if AudioFile.__tablename__ in rows else 0
        return CleanupPlan(before, rows, audio)

    async def session_cleanup_old(
        self, token: Token, before: datetime, stop: asyncio.Event | None = None
    ) -> AsyncIterator[Cleaned]:
        """Deletes what ended before that, a batch a transaction, oldest first; yields what each batch deleted.

        stop ends it after the batch that is under way. A session that is touched by somebody else now is left.
        """
        while stop is None or not stop.is_set():
            async with self._writing(token, CLEAN) as session:
                taken = await take(session, before, BATCH)
            if not taken.sessions:
                return
            removed = await asyncio.to_thread(_remove, taken.files)
            yield Cleaned(taken.rows, {state.value: number for state, number in removed.items()})


async def take(session: AsyncSession, before: datetime, limit: int) -> Taken:
    """Deletes the oldest sessions that ended before that, with their children; what others hold locked is left."""
    ids = await _oldest(session, before, limit)
    if not ids:
        return Taken({}, ())
    tables = await _present(session)
    files = await _files(session, tables, ids)
    return Taken(await _delete(session, tables, ids), files)


async def old_sessions(session: AsyncSession, before: datetime) -> int:
    """How many sessions there are that ended before that."""
    return int(await session.scalar(select(func.count()).select_from(BotSession).where(_is_old(before))) or 0)


def _is_old(before: datetime) -> ColumnElement[bool]:
    ended = func.lower(func.btrim(BotSession.status)).in_(ENDED_WORDS)
    return ended & (func.coalesce(BotSession.ended_at, BotSession.created_at) < before)


async def _present(session: AsyncSession) -> list[Table]:
    """The tables with rows of sessions that this database has, children first."""
    found = await session.scalars(text("SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'public'"))
    names = set(found)
    tables = reversed(Base.metadata.sorted_tables)
    return [table for table in tables if table.name in names and "session_id" in table.c]


async def _oldest(session: AsyncSession, before: datetime, limit: int) -> Sequence[UUID]:
    order = func.coalesce(BotSession.ended_at, BotSession.created_at)
    query = select(BotSession.session_id).where(_is_old(before)).order_by(order, BotSession.session_id).limit(limit)
    return (await session.scalars(query.with_for_update(skip_locked=True))).all()


async def _files(session: AsyncSession, tables: Sequence[Table], ids: Sequence[UUID]) -> list[FileRow]:
    if AudioFile.__tablename__ not in {table.name for table in tables}:
        return []
    query = select(AudioFile.file_path, AudioFile.file_size, AudioFile.file_hash).where(AudioFile.session_id.in_(ids))
    return [(row[0], row[1], row[2]) for row in await session.execute(query)]


async def _delete(session: AsyncSession, tables: Sequence[Table], ids: Sequence[UUID]) -> dict[str, int]:
    """Each child table by itself: for the counts, and since an older model A has no cascade."""
    deleted = {}
    for table in tables:
        gone: Any = await session.execute(
            delete(table).where(table.c.session_id.in_(ids)).returning(literal_column("1"))
        )
        deleted[table.name] = len(gone.all())
    return deleted


def _remove(files: Sequence[FileRow]) -> Counter[FileState]:
    return Counter(remove(*file) for file in files)
