"""SQLAlchemy over the connections that a PostgresClient lends: one pool, one set of deadlines, one gate.

The client's READ ONLY transaction and the gate's writing connection are asyncpg's; a session of the ORM works on them,
and neither opens, keeps nor closes a connection itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from backends.clients.imports import load

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

    from backends.clients.postgres import Session as Connection

_lent: ContextVar[Lent] = ContextVar("lent")


class Lent:
    """A lender's connection: everything works, only it stays open when the borrower is done with it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def close(self, **_: object) -> None:
        """The lender closes it."""

    def terminate(self) -> None:
        """The lender ends it."""


async def _borrow() -> Lent:
    return _lent.get()


@cache
def _engine() -> AsyncEngine:
    """The process's one engine; it has no connection of its own."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    registry.register("postgresql.lent", "backends.clients.orm_dialect", "LentDialect")
    return create_async_engine("postgresql+lent://", poolclass=NullPool, async_creator=_borrow)


@asynccontextmanager
async def core_connection(connection: Connection) -> AsyncIterator[AsyncConnection]:
    """SQLAlchemy's own connection over one that was lent, without a transaction; the driver's exceptions come out."""
    await load("sqlalchemy.ext.asyncio")
    from sqlalchemy.exc import DBAPIError

    given = _lent.set(Lent(connection))
    try:
        async with _engine().connect() as core:
            yield core
    except DBAPIError as error:
        raise _drivers(error) from error
    finally:
        _lent.reset(given)


@asynccontextmanager
async def orm_session(connection: Connection, *, in_transaction: bool) -> AsyncIterator[AsyncSession]:
    """A session on a connection that was lent.

    in_transaction: the lender has a transaction open (PostgresClient.reading); else the session begins its own, and
    commits it at the block's end. The driver's own exceptions come out, as the lender maps them.
    """
    await load("sqlalchemy.ext.asyncio")
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncSession

    engine = _engine().execution_options(**(_AS_IT_IS if in_transaction else {}))
    given = _lent.set(Lent(connection))
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            await session.connection()  # borrowed now, since another session may be opened inside this one
            yield session
            await session.commit()
    except DBAPIError as error:
        raise _drivers(error) from error
    finally:
        _lent.reset(given)


_AS_IT_IS: Final = {"isolation_level": "AUTOCOMMIT"}
"""No BEGIN of its own: statements run in whatever transaction the connection is in."""


def _drivers(error: BaseException) -> BaseException:
    """The driver's exception behind SQLAlchemy's."""
    origin = getattr(error, "orig", None)
    return (origin.__cause__ if origin is not None else None) or error
