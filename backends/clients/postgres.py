"""Postgres clients (asyncpg): one small pool a database, reading transactions, errors mapped once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    BadAnswer,
    CannotConnect,
    DeadlineExceeded,
    NotThere,
    mapped,
)
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.clients.once import Once
from backends.clients.pgbouncer import PoolerConsole, Rows
from backends.clients.pool_counts import PoolCount
from backends.clients.targets import WATCHING, PoolLimits, PostgresTarget
from backends.clients.timings import Durations

if TYPE_CHECKING:
    from asyncpg import Connection, Pool, Record
    from asyncpg.connection import LoggedQuery
    from asyncpg.pool import PoolConnectionProxy

    from backends.safety.gate import Token

    Session = PoolConnectionProxy[Record] | Connection[Record]

_NO_DATABASE: Final = "3D000"

STATEMENT_TIMEOUT_MS: Final = 5_000
"""The server ends a watching query after this long, whoever still waits for it."""

WRITERS: Final = 4
"""Connections that write at a time: a run's batches, its heartbeats, its job's own, and one for a person's word."""


class Listening:
    """What a connection hears: payloads in the order of their commits."""

    def __init__(self, connection: Connection[Record], channel: str) -> None:
        self.connection = connection
        self._channel = channel
        self._payloads: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(self, _: object, __: int, ___: str, payload: object) -> None:
        """The driver heard something."""
        self._payloads.put_nowait(str(payload))

    def end(self, _: object) -> None:
        """The connection ended."""
        self._payloads.put_nowait(None)

    async def next(self) -> str:
        """The next payload. Raises CannotConnect where the connection has ended."""
        payload = await self._payloads.get()
        if payload is None:
            raise CannotConnect("The connection was lost.", hint="It is tried again by itself.")
        return payload

    async def say(self, payload: str) -> None:
        """Says something on the channel, which all who listen hear, this connection too."""
        await self.connection.execute("SELECT pg_notify($1, $2)", self._channel, payload)


class PostgresClient:
    """The pool of one database, opened on first use.

    target may be the error that using it raises. The pool opens nothing until it is used, so a server that is down
    never delays a start, and it finds a server that came back by itself.
    """

    def __init__(self, target: PostgresTarget | BackendError, limits: PoolLimits = WATCHING) -> None:
        self._target = target
        self._limits = limits
        self._pool: Once[Pool[Record]] = Once(self._open, _close)
        self._writers = asyncio.Semaphore(WRITERS)
        self._apart_open: set[object] = set()
        self._waiting = self._active = self._opened = self._closed = self._queries = 0
        self._busy_s = 0.0
        self.round_trip_s = 0.0
        """Seconds that the newest BEGIN took: the way there and back, with nothing to do for the server."""
        self._console: PoolerConsole | None = None
        self._pooled = False
        self._failures: Counter[str] = Counter()
        self._waits = Durations()
        self._creates = Durations()

    @property
    def target(self) -> PostgresTarget:
        """Where it connects to. Raises NotConfigured."""
        if isinstance(self._target, BackendError):
            raise self._target
        return self._target

    @asynccontextmanager
    async def reading(self, timeout_ms: int = STATEMENT_TIMEOUT_MS) -> AsyncIterator[Session]:
        """A connection inside a READ ONLY transaction, which PgBouncer takes too.

        timeout_ms: the server's deadline for each statement. Raises BackendError; so does whatever fails inside.
        """
        with postgres_errors(self.target):
            pool = await self._pool.get()
            async with self._acquired(pool) as connection:
                started = time.monotonic()
                async with _read_only(connection, timeout_ms, self.target.opening):
                    self.round_trip_s = time.monotonic() - started
                    yield connection

    @asynccontextmanager
    async def studying(self, timeout_ms: int) -> AsyncIterator[Session]:
        """The same on a connection of its own, for what takes minutes: the pool's few stay free for what is watched."""
        with postgres_errors(self.target):
            connection = await self._apart(timeout_ms, {})
            try:
                async with _read_only(connection, timeout_ms, self.target.opening):
                    yield connection
            finally:
                await _leave(connection, self._limits.wait_s)

    @asynccontextmanager
    async def writing(self, token: Token, timeout_ms: int) -> AsyncIterator[Connection[Record]]:
        """A connection of its own that may write, for an act that the gate let through on this database.

        timeout_ms: the server's deadline for each statement, 0 for none; the client waits a little longer. No
        transaction is open. Raises Refused and BackendError; so does whatever fails inside the block.
        """
        token.require_target(self.target.where)
        with postgres_errors(self.target):
            async with self._writers:
                connection = await self._writer(timeout_ms)
                try:
                    yield connection
                except (TimeoutError, asyncio.CancelledError):
                    connection.terminate()
                    raise
                finally:
                    await _leave(connection, self._limits.wait_s)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Listening]:
        """A connection of its own, outside the pool, that hears what is said on the channel.

        Raises BackendError; so does whatever fails inside the block.
        """
        with postgres_errors(self.target):
            await load("asyncpg")
            connection = await self._beside(self._limits.wait_s, {"default_transaction_read_only": "on"})
            try:
                heard = Listening(connection, channel)
                await connection.add_listener(channel, heard.hear)
                connection.add_termination_listener(heard.end)
                yield heard
            finally:
                connection.terminate()

    async def _writer(self, timeout_ms: int) -> Connection[Record]:
        """Its settings come with its start: a SET would stay with a server's session that a pooler gives to others.

        PgBouncer refuses them; behind it the client's own patience is the deadline.
        """
        asyncpg = await load("asyncpg")
        if not self._pooled:
            try:
                own = {"statement_timeout": str(int(timeout_ms)), "default_transaction_read_only": "off"}
                own |= {"row_security": "off"} if self.target.whole else {}
                return await self._apart(timeout_ms, own)
            except asyncpg.ProtocolViolationError as error:
                if "startup parameter" not in str(error):
                    raise
                self._pooled = True
        return await self._apart(timeout_ms, {})

    async def _apart(self, timeout_ms: int, settings: Mapping[str, str]) -> Connection[Record]:
        """A connection outside the pool that waits a little longer than the server's deadline, 0 for none."""
        await load("asyncpg")
        patience_s = timeout_ms / 1000 + self._limits.connect_s if timeout_ms else None
        return await self._beside(patience_s, {"timezone": "UTC", **settings})

    async def _beside(self, answer_s: float | None, settings: Mapping[str, str]) -> Connection[Record]:
        """A connection outside the pool, counted until it ends."""
        connection = await self._connect(
            self.target.url,
            timeout=self._limits.connect_s,
            command_timeout=answer_s,
            statement_cache_size=0,
            server_settings={"application_name": application_name(), **settings},
        )
        self._apart_open.add(connection)
        connection.add_termination_listener(self._apart_open.discard)
        return connection

    @asynccontextmanager
    async def _acquired(self, pool: Pool[Record]) -> AsyncIterator[PoolConnectionProxy[Record]]:
        connection = await self._acquire(pool)
        self._active += 1
        try:
            yield connection
        finally:
            self._active -= 1
            await pool.release(connection, timeout=self._limits.wait_s)

    async def _acquire(self, pool: Pool[Record]) -> PoolConnectionProxy[Record]:
        exhausted = pool.get_size() >= self._limits.max and not pool.get_idle_size()
        self._waiting += 1
        started = time.monotonic()
        try:
            connection = await pool.acquire(timeout=self._limits.wait_s if exhausted else self._limits.connect_s)
            self._waits.add(time.monotonic() - started)
            return connection
        except Exception as error:
            self._failures[_reason(error, exhausted)] += 1
            raise
        finally:
            self._waiting -= 1

    async def show(self, what: str) -> Rows:
        """The rows of PgBouncer's SHOW POOLS or SHOW DATABASES.

        Raises BackendError: NotThere where the server is no PgBouncer, PoolsHidden where it shows them to others only.
        """
        with postgres_errors(self.target):
            self._console = self._console or PoolerConsole(self.target, self._limits.connect_s)
            started = time.monotonic()
            rows = await self._console.show(what)
            self._queries += 1
            self._busy_s += time.monotonic() - started
            return rows

    def pool_count(self) -> PoolCount:
        """The pool's counts now."""
        pool, limits = self._pool.opened, self._limits
        idle = pool.get_idle_size() if pool is not None else 0
        return PoolCount(
            limits.max,
            limits.min,
            self._active,
            idle,
            self._waiting,
            self._opened,
            self._closed,
            self._queries,
            self._console.connections if self._console is not None else 0,
            wait=self._waits.timings(),
            create=self._creates.timings(),
            busy_s=self._busy_s,
            failures=dict(self._failures),
            apart=len(self._apart_open),
        )

    async def aclose(self) -> None:
        """Closes the pool if it was opened; connections in use are ended."""
        if self._console is not None:
            self._console.close()
        await self._pool.aclose()

    async def _open(self) -> Pool[Record]:
        asyncpg = await load("asyncpg")
        limits = self._limits
        return await asyncpg.create_pool(  # type: ignore[no-any-return]
            self.target.url,
            min_size=limits.min,
            max_size=limits.max,
            max_inactive_connection_lifetime=limits.idle_s or 0,
            timeout=limits.connect_s,
            command_timeout=limits.connect_s,
            # PgBouncer in transaction mode has no place for prepared statements that outlive a transaction.
            statement_cache_size=0,
            # Times without a zone are UTC by the services' convention, so comparing them with ours must happen in UTC.
            server_settings={"application_name": application_name(), "timezone": "UTC"},
            connect=self._connect,
        )

    async def _connect(self, *args: Any, **kwargs: Any) -> Connection[Record]:
        import asyncpg

        started = time.monotonic()
        connection: Connection[Record] = await asyncpg.connect(*args, **kwargs)
        self._creates.add(time.monotonic() - started)
        self._opened += 1
        connection.add_termination_listener(self._count_closed)
        connection.add_query_logger(self._count_query)
        return connection

    def _count_query(self, logged: LoggedQuery) -> None:
        self._queries += 1
        self._busy_s += logged.elapsed

    def _count_closed(self, _: object) -> None:
        self._closed += 1


@asynccontextmanager
async def _read_only(connection: Session, timeout_ms: int, opening: str) -> AsyncIterator[None]:
    """A READ ONLY transaction around what is read."""
    await _begin(connection, timeout_ms, opening)
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        # A server that doesn't answer won't answer a ROLLBACK either.
        connection.terminate()
        raise
    except BaseException:
        await _undo(connection)
        raise
    await connection.execute("COMMIT")


async def _undo(connection: Session) -> None:
    """Rolls back; a connection that can't is gone, and what made us roll back says more than that."""
    try:
        await connection.execute("ROLLBACK")
    except Exception:  # the driver's own, the system's, a deadline
        connection.terminate()


async def _begin(connection: Session, timeout_ms: int, opening: str) -> None:
    try:
        await connection.execute(f"BEGIN READ ONLY; {opening} SET LOCAL statement_timeout = {int(timeout_ms)}")
    except (TimeoutError, asyncio.CancelledError):
        # A pool between us and the server may leave us waiting; a connection that waits is of no use to the next.
        connection.terminate()
        raise


def _reason(error: Exception, exhausted: bool) -> str:
    """Why a request got no connection, in the words that Mongo's pools use too.

    >>> _reason(TimeoutError(), True), _reason(TimeoutError(), False), _reason(ConnectionRefusedError(), False)
    ('timeout', 'connection timeout', 'connection error')
    """
    if isinstance(error, TimeoutError):
        return "timeout" if exhausted else "connection timeout"
    if getattr(error, "sqlstate", None) == _NO_DATABASE:
        return "no database"
    return "connection error" if isinstance(error, OSError) else "refused"


async def _leave(connection: Connection[Record], timeout_s: float) -> None:
    """Closes it; what was done on it counts, so that a server which doesn't say goodbye is no failure."""
    try:
        await connection.close(timeout=timeout_s)
    except Exception:  # the driver's own, the system's, a deadline: the connection is gone either way
        connection.terminate()


async def _close(pool: Pool[Record]) -> None:
    pool.terminate()


def postgres_errors(target: PostgresTarget) -> AbstractContextManager[None]:
    """Turns the driver's exceptions into BackendError, with the masked target and what to do."""
    return mapped(lambda error: _mapped(error, target))


def _mapped(error: Exception, target: PostgresTarget) -> BackendError | None:
    """The BackendError for an exception of the driver; None for one that isn't the driver's."""
    import asyncpg

    where, text, name = target.where, str(error), target.variable
    if isinstance(error, TimeoutError):
        hint = "The server is overloaded, frozen or far away."
        return DeadlineExceeded("No answer in time.", where=where, hint=hint)
    if isinstance(error, OSError):
        return CannotConnect(f"No server answers: {text}", where=where, hint=f"Is it running? Is {name} right?")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InsufficientPrivilegeError):
        return AccessDenied(text, where=where, hint=f"Check user, password and grants of {name}.")
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return NotThere(text, where=where, hint=f"Create the database, or correct {name}.")
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError | asyncpg.InvalidSchemaNameError):
        return NotThere(text, where=where, hint="Is this the right database, and is its schema installed?")
    if isinstance(error, asyncpg.QueryCanceledError):
        return DeadlineExceeded(text, where=where, hint="The server is busy; the reading is repeated.")
    # The driver's internal error: the server said goodbye, and the end of its connection was not noticed yet.
    lost = asyncpg.PostgresConnectionError | asyncpg.CannotConnectNowError | asyncpg.AdminShutdownError
    if isinstance(error, lost | asyncpg.CrashShutdownError | asyncpg.InternalClientError):
        return CannotConnect(f"The connection was lost: {text}", where=where, hint="It is tried again by itself.")
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return CannotConnect(text, where=where, hint="The server's connections are used up.")
    if isinstance(
        error, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.ClientConfigurationError | ValueError
    ):
        return BadAnswer(text, where=where, hint=f"If it is about the URL, correct {name}.")
    return None
