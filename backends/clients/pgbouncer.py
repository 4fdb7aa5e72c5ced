"""PgBouncer's admin console: a database named `pgbouncer` that answers SHOW in the simple protocol alone.

asyncpg connects (TLS, passwords), but it can't ask so, hence a few lines of protocol over its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from backends.clients.errors import AccessDenied, BackendError, BadAnswer
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.clients.simple_protocol import SimpleQueries
from backends.clients.targets import PostgresTarget

if TYPE_CHECKING:
    from asyncpg import Connection, Record

DATABASE: Final = "pgbouncer"
ANSWER_S: Final = 2.0
"""Seconds that an answer may take; the console reads its own memory."""

SHOWN: Final = frozenset({"POOLS", "DATABASES"})
"""What is asked for: nothing that changes anything."""

Rows = list[Mapping[str, str | None]]


class PoolsHidden(AccessDenied):
    """PgBouncer shows its pools to users of two lists, and this one is in neither."""


class PoolerConsole:
    """One connection to the admin console, opened on first use and anew after a failure."""

    def __init__(self, target: PostgresTarget, connect_s: float) -> None:
        self._url = urlunsplit(urlsplit(target.url)._replace(path=f"/{DATABASE}"))
        self._connect_s = connect_s
        self._lock = asyncio.Lock()
        self._connection: Connection[Record] | None = None
        self._queries: SimpleQueries | None = None

    @property
    def connections(self) -> int:
        """How many connections it has: one or none."""
        return int(self._connection is not None)

    async def show(self, what: str) -> Rows:
        """The rows of SHOW POOLS or SHOW DATABASES. Raises PoolsHidden, BadAnswer, and the driver's exceptions."""
        if what not in SHOWN:
            raise ValueError(what)
        async with self._lock:
            try:
                async with asyncio.timeout(self._connect_s if self._queries is None else ANSWER_S):
                    queries = self._queries or await self._connect()
                    return await queries.ask(f"SHOW {what}")
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Ends the connection if there is one."""
        connection, self._connection, self._queries = self._connection, None, None
        if connection is not None:
            connection.terminate()

    async def _connect(self) -> SimpleQueries:
        asyncpg = await load("asyncpg")
        try:
            connection: Any = await asyncpg.connect(
                self._url,
                timeout=self._connect_s,
                statement_cache_size=0,
                server_settings={"application_name": application_name()},
            )
        except asyncpg.ProtocolViolationError as error:
            raise self._refused(str(error)) from error
        self._connection = connection
        self._queries = SimpleQueries(connection._transport)
        connection._transport.set_protocol(self._queries)
        return self._queries

    def _refused(self, said: str) -> BackendError:
        """What PgBouncer's refusal means; no other server refuses a user with this code."""
        if "not allowed" not in said:
            return BadAnswer(said)
        user = urlsplit(self._url).username or "the user"
        return PoolsHidden("PgBouncer hides its pools", hint=f"add {user} to stats_users in pgbouncer.ini")
