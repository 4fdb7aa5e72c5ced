"""What every group of the repository's methods shares: sessions to read and to write in, pages, the health check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, tuple_

from backends.bots.cursors import Cursor
from backends.bots.repository.errors import NoSuchRow, NotValid
from backends.bots.safe import utc
from backends.bots.tables import DatabaseHealth, database_health
from backends.clients.errors import BackendError
from backends.clients.orm import orm_session
from backends.clients.postgres import STATEMENT_TIMEOUT_MS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

    from backends.clients.postgres import PostgresClient
    from backends.safety.gate import Token

T = TypeVar("T")

WRITE_MS: Final = 30_000
"""Milliseconds that one writing statement may take on the server."""

PAGE_LIMIT: Final = 1_000
"""Rows of one page at most."""


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """A page of rows; next continues it, None at its end."""

    rows: tuple[T, ...]
    next: Cursor | None


class Repository:
    """The client and the two kinds of sessions on it."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def health_check(self) -> DatabaseHealth:
        """Reads a row from each table. Raises BackendError where the database can't be asked at all."""
        async with self._client.reading() as connection:
            return await database_health(connection)

    @asynccontextmanager
    async def _reading(self, timeout_ms: int = STATEMENT_TIMEOUT_MS) -> AsyncIterator[AsyncSession]:
        async with (
            self._client.reading(timeout_ms) as connection,
            orm_session(connection, in_transaction=True) as session,
        ):
            yield session

    @asynccontextmanager
    async def _writing(self, token: Token, act: str) -> AsyncIterator[AsyncSession]:
        """One transaction, committed at the block's end. Raises Refused unless the token is for the act."""
        token.require(act)
        with _valid(self._client.target.where):
            async with (
                self._client.writing(token, WRITE_MS) as connection,
                orm_session(connection, in_transaction=False) as session,
            ):
                yield session

    def _no_row(self, what: str, id_: str) -> NoSuchRow:
        return NoSuchRow(f"There is no {what} {id_}.", where=self._client.target.where)

    def _uuid(self, what: str, id_: str) -> UUID:
        try:
            return UUID(id_)
        except ValueError:
            raise self._no_row(what, id_) from None

    async def _page(
        self, query: Select[Any], time: InstrumentedAttribute[Any], id_: InstrumentedAttribute[Any],
        limit: int, after: Cursor | None, row: Callable[[Any], T],
    ) -> Paged[T]:  # fmt: skip
        """A page of the query, newest first, rows without a time last."""
        limit = min(max(limit, 1), PAGE_LIMIT)
        found: list[Any] = []
        async with self._reading() as session:
            for part in (timed(query, time, id_, after), _untimed(query, time, id_, after)):
                wanted = limit + 1 - len(found)
                if part is not None and wanted:
                    found += (await session.scalars(part.limit(wanted))).all()
        more = found[limit - 1] if len(found) > limit else None
        place = Cursor(utc(getattr(more, time.key)), str(getattr(more, id_.key))) if more is not None else None
        return Paged(tuple(row(each) for each in found[:limit]), place)


def timed(
    query: Select[Any], time: InstrumentedAttribute[Any], id_: InstrumentedAttribute[Any], after: Cursor | None
) -> Select[Any] | None:
    """Its rows that have a time, after the cursor; None where the cursor is beyond them.

    By themselves: in the order of an index, which with the rows without a time at the end no index has.
    """
    if after is not None and after.time is None:
        return None
    ordered = query.where(time.is_not(None)).order_by(time.desc(), id_.desc())
    return ordered if after is None else ordered.where(tuple_(time, id_) < tuple_(after.time, UUID(after.id)))


def _untimed(
    query: Select[Any], time: InstrumentedAttribute[Any], id_: InstrumentedAttribute[Any], after: Cursor | None
) -> Select[Any]:
    ordered = query.where(time.is_(None)).order_by(id_.desc())
    return ordered.where(id_ < UUID(after.id)) if after is not None and after.time is None else ordered


@contextmanager
def _valid(where: str) -> Iterator[None]:
    """What the tables refuse becomes NotValid, with the database's own words."""
    try:
        yield
    except BackendError as error:
        import asyncpg

        cause = error.__cause__
        if isinstance(cause, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError):
            raise NotValid(error.message, where=where) from error
        raise
