"""The group `session_*`, and a session's statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import func, select, text, update

from backends.bots.cursors import Cursor
from backends.bots.model import ENDED, SessionRow, Status
from backends.bots.page import Statistics
from backends.bots.repository import records
from backends.bots.repository.base import Paged, Repository
from backends.bots.repository.errors import ChangedMeanwhile, ImpossibleChange, NotValid
from backends.bots.schema import BotSession
from backends.bots.shape import read_shape
from backends.bots.statistics import read_statistics
from backends.bots.status import ENDED_WORDS, may_follow, status_of, words_of_status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from backends.safety.gate import Token

CREATE: Final = "bots.session_create"
UPDATE: Final = "bots.session_update"

CHANGEABLE: Final = frozenset(
    {
        "meeting_title", "meeting_uri", "target_languages", "enable_translation", "enable_transcription",
        "enable_virtual_webcam", "audio_storage_enabled", "session_metadata", "error_message", "recovering",
    }
)  # fmt: skip
"""Columns that `session_update` sets; the status and its times have a method of their own."""


class SessionMethods(Repository):
    """Sessions: made, read, changed, listed."""

    async def session_create(self, token: Token, bot_id: str, meeting_id: str, **values: Any) -> SessionRow:
        """A new session in status pending; `session_id` among the values is kept. Raises NotValid."""
        unknown = values.keys() - CHANGEABLE - {"session_id", "bot_type"}
        if unknown:
            raise NotValid(f"A session is not made with {', '.join(sorted(unknown))}.", where=self._client.target.where)
        row = BotSession(bot_id=bot_id, meeting_id=meeting_id, **values)
        async with self._writing(token, CREATE) as session:
            session.add(row)
            await session.flush()
            await session.refresh(row)
            made = records.session(row)
        token.outcome(session_id=made.session_id)
        return made

    async def session_get(self, session_id: str) -> SessionRow:
        """One session. Raises NoSuchRow."""
        async with self._reading() as session:
            return records.session(await self._session(session, session_id))

    async def session_update(self, token: Token, session_id: str, **values: Any) -> SessionRow:
        """Sets columns of CHANGEABLE. Raises NoSuchRow, NotValid."""
        unknown = values.keys() - CHANGEABLE
        if unknown:
            raise NotValid(f"{', '.join(sorted(unknown))} can't be set here.", where=self._client.target.where)
        async with self._writing(token, UPDATE) as session:
            row = await self._session(session, session_id, lock=True)
            for name, value in values.items():
                setattr(row, name, value)
            await session.flush()
            return records.session(row)

    async def session_update_status(
        self, token: Token, session_id: str, status: Status, *, version: str = "", error: str | None = None
    ) -> SessionRow:
        """Brings a session into a status.

        The first start sets started_at, every end sets ended_at and takes the recovering flag away. version: the row's
        as it was read, "" for any. Raises NoSuchRow, ImpossibleChange, ChangedMeanwhile.
        """
        async with self._writing(token, UPDATE) as session:
            row = await self._session(session, session_id, lock=True)
            await self._check(session, row, status, version)
            await session.execute(
                update(BotSession).where(BotSession.session_id == row.session_id).values(**_change(row, status, error))
            )
            await session.refresh(row)
            return records.session(row)

    async def session_version(self, session_id: str) -> str:
        """What changes with every change of the session's own row. Raises NoSuchRow."""
        async with self._reading() as session:
            row = await self._session(session, session_id)
            return await _version(session, row.session_id)

    async def session_list(
        self, status: Status | None = None, limit: int = 50, after: Cursor | None = None
    ) -> Paged[SessionRow]:
        """A page of sessions, newest first, of one status in any vocabulary's word, or of all."""
        query = select(BotSession)
        if status is not None:
            query = query.where(func.lower(func.btrim(BotSession.status)).in_(words_of_status(status)))
        return await self._page(query, BotSession.created_at, BotSession.session_id, limit, after, records.session)

    async def session_list_active(self, limit: int = 50, after: Cursor | None = None) -> Paged[SessionRow]:
        """A page of the sessions that have not ended; those of an unknown status are among them."""
        query = select(BotSession).where(func.lower(func.btrim(BotSession.status)).not_in(ENDED_WORDS))
        return await self._page(query, BotSession.created_at, BotSession.session_id, limit, after, records.session)

    async def get_session_statistics(self, session_id: str) -> Statistics:
        """A session's totals now, each child summed on its own. Raises NoSuchRow."""
        row = await self.session_get(session_id)
        async with self._client.reading() as connection:
            at = await connection.fetchval("SELECT now()")
            return await read_statistics(connection, await read_shape(connection), row, at)

    async def _session(self, session: AsyncSession, session_id: str, *, lock: bool = False) -> BotSession:
        query = select(BotSession).where(BotSession.session_id == self._uuid("session", session_id))
        row = await session.scalar(query.with_for_update() if lock else query)
        if row is None:
            raise self._no_row("session", session_id)
        return row

    async def _check(self, session: AsyncSession, row: BotSession, status: Status, version: str) -> None:
        where = self._client.target.where
        if version and version != await _version(session, row.session_id):
            raise ChangedMeanwhile(
                f"The session changed meanwhile: it is {row.status} now.", where=where, hint="Look again."
            )
        before = status_of(row.status)
        if before is not None and not may_follow(before, status):
            raise ImpossibleChange(f"A session that is {before.value} can't become {status.value}.", where=where)


async def _version(session: AsyncSession, session_id: UUID) -> str:
    found = await session.scalar(
        select(text("xmin::text")).select_from(BotSession).where(BotSession.session_id == session_id)
    )
    return str(found)


def _change(row: BotSession, status: Status, error: str | None) -> Mapping[str, Any]:
    """The columns that change with the status."""
    values: dict[str, Any] = {"status": status.value}
    if status is Status.ACTIVE and row.started_at is None:
        values["started_at"] = func.now()
    if status in ENDED:
        values |= {"ended_at": func.coalesce(BotSession.ended_at, func.now()), "recovering": False}
    if error is not None:
        values["error_message"] = error
    return values
