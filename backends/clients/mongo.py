"""Mongo clients (motor): one for each server, shared by the roles on it; reading sessions; errors mapped once.

Motor is deprecated upstream in favour of PyMongo's own async client; this module and `read_only` are all that know it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    BadAnswer,
    CannotConnect,
    DeadlineExceeded,
    NotThere,
    Refused,
    mapped,
)
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.clients.once import Once
from backends.clients.pool_counts import MongoPoolCounter, PoolCount
from backends.clients.read_only import ReadingDatabase
from backends.clients.targets import PLATFORM_POOLS, MongoTarget, MongoTargets, PoolLimits, Role

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase

    from backends.safety.gate import Token

THREADS: Final = 64
"""Threads that motor may start: each that waits for a dead server is one."""

_DENIED_CODES = frozenset({13, 18, 8000})  # Unauthorized, AuthenticationFailed, Atlas' own
_TOO_SLOW_CODES = frozenset({50, 89, 262})  # MaxTimeMSExpired, NetworkTimeout, ExceededTimeLimit
_NOT_THERE_CODES = frozenset({26, 73})  # NamespaceNotFound, InvalidNamespace


@dataclass(frozen=True, slots=True)
class MongoPool:
    """One client's pool: the targets of the roles that share it, and its counts."""

    targets: Mapping[Role, MongoTarget]
    count: PoolCount


ClientKey = tuple[str, ...]


def require_collections(names: Collection[str], target: MongoTarget) -> None:
    """Raises NotThere where a database has no collections."""
    if not names:
        hint = "Correct the database's name, or restore it."
        raise NotThere(f"There is no database {target.database}, or nothing in it.", where=target.where, hint=hint)


class MongoClients:
    """The clients behind the three roles.

    limits: one set for every role, or None for the platform's own pool sizes. Roles whose targets are on one server
    with one user share a client, so its pool's limits are those of the first role that opened it.
    """

    def __init__(self, targets: MongoTargets, limits: PoolLimits | None = None) -> None:
        self._targets = targets
        self._limits = limits
        self._shared: dict[ClientKey, _Shared] = {}

    def target(self, role: Role) -> MongoTarget:
        """Where the role connects to. Raises NotConfigured."""
        target = self._targets[role]
        if isinstance(target, BackendError):
            raise target
        return target

    def limits(self, role: Role) -> PoolLimits:
        """The limits of the pool that serves the role; clients of their own on one server share one set of limits."""
        if self._limits is None:
            return PLATFORM_POOLS[role]
        targets = [target for target in self._targets.values() if isinstance(target, MongoTarget)]
        here = self._targets[role]
        keys = {each.client_key for each in targets if isinstance(here, MongoTarget) and each.server == here.server}
        return replace(self._limits, max=max(self._limits.max // max(len(keys), 1), 1))

    @asynccontextmanager
    async def reading(self, role: Role) -> AsyncIterator[ReadingDatabase]:
        """The role's database, for reading only. Raises BackendError; so does whatever fails inside the block."""
        async with self.reading_at(self.target(role), role) as database:
            yield database

    @asynccontextmanager
    async def settled(self, role: Role) -> AsyncIterator[ReadingDatabase]:
        """As `reading`, from the primary and as no failover takes it back, whatever the URL prefers.

        For what a change is decided on: a secondary may not know yet what was written a moment ago.
        """
        async with self.reading(role) as database:
            yield database.settled()

    @asynccontextmanager
    async def reading_at(self, target: MongoTarget, role: Role = Role.OLORIN) -> AsyncIterator[ReadingDatabase]:
        """A database that no role has yet, for reading only; it shares the client of a role on the same server.

        role: whose pool limits a client that is opened for it gets. Raises BackendError as `reading` does.
        """
        with mongo_errors(target):
            client = await self._client(role, target)
            yield ReadingDatabase(client[target.database])

    @asynccontextmanager
    async def writing(
        self, token: Token, target: Role | MongoTarget
    ) -> AsyncIterator[AsyncIOMotorDatabase[dict[str, Any]]]:
        """The database as the driver gives it, for an act that the gate let through on it.

        The Bayit reference is for reading, whoever asks and by whatever name: it is always refused. Raises Refused
        and BackendError; so does whatever fails inside the block.
        """
        role, place = (target, self.target(target)) if isinstance(target, Role) else (Role.OLORIN, target)
        if place.reads_only:
            raise Refused("The Bayit reference is read only.", where=place.where)
        token.require_target(place.where)
        with mongo_errors(place):
            client = await self._client(role, place)
            yield client[place.database]

    async def require_database(self, role: Role) -> None:
        """Raises NotThere where the role's database has no collection: to Mongo, missing and empty are the same."""
        async with self.reading(role) as database:
            require_collections(await database.list_collection_names(), self.target(role))

    def pools(self) -> tuple[MongoPool, ...]:
        """The pool of each client, whichever of its roles have been used; nothing is opened by asking."""
        targets: dict[ClientKey, dict[Role, MongoTarget]] = {}
        for role, target in self._targets.items():
            if isinstance(target, MongoTarget):
                targets.setdefault(target.client_key, {})[role] = target
        return tuple(MongoPool(each, self._count(key, each)) for key, each in targets.items())

    def counts(self) -> tuple[PoolCount, ...]:
        """The counts of every client, those for databases that no role has included."""
        named = {target.client_key for target in self._targets.values() if isinstance(target, MongoTarget)}
        others = [shared for key, shared in self._shared.items() if key not in named]
        return (*(pool.count for pool in self.pools()), *(each.counter.count(each.limits) for each in others))

    def pool_counts(self) -> Mapping[Role, PoolCount]:
        """The counts of each configured role's pool; roles that share a client show the same ones."""
        return {role: pool.count for pool in self.pools() for role in pool.targets}

    async def aclose(self) -> None:
        """Closes every client that was opened."""
        shared, self._shared = self._shared, {}
        for each in shared.values():
            await each.client.aclose()

    def _count(self, key: ClientKey, roles: Iterable[Role]) -> PoolCount:
        shared = self._shared.get(key)
        return shared.counter.count(shared.limits) if shared else PoolCount.unopened(self.limits(next(iter(roles))))

    async def _client(self, role: Role, target: MongoTarget) -> AsyncIOMotorClient[dict[str, Any]]:
        if target.client_key not in self._shared:
            self._shared[target.client_key] = _Shared(target.url, self.limits(role))
        return await self._shared[target.client_key].client.get()


class _Shared:
    """A client that roles share, with its limits and counts; opened on first use."""

    def __init__(self, url: str, limits: PoolLimits) -> None:
        self._url = url
        self.limits = limits
        self.counter = MongoPoolCounter()
        self.client: Once[AsyncIOMotorClient[dict[str, Any]]] = Once(self._open, _close)

    async def _open(self) -> AsyncIOMotorClient[dict[str, Any]]:
        # Read when motor is imported: ten threads, its default on two cores, are soon all waiting for dead servers.
        os.environ.setdefault("MOTOR_MAX_WORKERS", str(THREADS))
        motor = await load("motor.motor_asyncio")
        monitoring = await load("backends.clients.mongo_monitoring")
        limits = self.limits
        return motor.AsyncIOMotorClient(  # type: ignore[no-any-return]
            self._url,
            appname=application_name(),
            maxPoolSize=limits.max,
            minPoolSize=limits.min,
            maxIdleTimeMS=None if limits.idle_s is None else int(limits.idle_s * 1000),
            waitQueueTimeoutMS=int(limits.wait_s * 1000),
            connectTimeoutMS=int(limits.connect_s * 1000),
            serverSelectionTimeoutMS=int(limits.selection_s * 1000),
            # A frozen server holds a thread until its socket gives up, so sockets give up when connecting does.
            socketTimeoutMS=int(limits.connect_s * 1000),
            serverMonitoringMode="poll",
            tz_aware=True,
            # One document with a date beyond year 9999 or broken UTF-8 must not hide the others.
            datetime_conversion="DATETIME_AUTO",
            unicode_decode_error_handler="replace",
            event_listeners=monitoring.listeners(self.counter),
        )


async def _close(client: AsyncIOMotorClient[dict[str, Any]]) -> None:
    # Closing talks to the server and joins threads, for longer than a person who leaves should wait.
    await asyncio.to_thread(client.close)


def mongo_errors(target: MongoTarget) -> AbstractContextManager[None]:
    """Turns the driver's exceptions into BackendError, with the masked target and what to do."""
    return mapped(lambda error: _mapped(error, target))


def _mapped(error: Exception, target: MongoTarget) -> BackendError | None:
    """The BackendError for an exception of the driver; None for one that isn't the driver's."""
    from bson.errors import BSONError
    from pymongo import errors

    where, text = target.where, shortened(str(error))
    if isinstance(error, errors.ConfigurationError | errors.InvalidURI | ValueError):
        return CannotConnect(f"The URL can't be used: {text}", where=where, hint=f"Correct {target.variable}.")
    if isinstance(error, OSError):
        # A file that the URL names, such as a certificate.
        return CannotConnect(f"The URL can't be used: {text}", where=where, hint=f"Correct {target.variable}.")
    if isinstance(error, errors.OperationFailure):
        return _mapped_failure(error, target)
    if isinstance(error, errors.ServerSelectionTimeoutError):
        return CannotConnect(
            f"No server answers: {text}", where=where, hint=f"Is it running? Is {target.variable} right?"
        )
    if isinstance(error, errors.NetworkTimeout | errors.ExecutionTimeout | errors.WaitQueueTimeoutError):
        return DeadlineExceeded(
            f"No answer in time: {text}", where=where, hint="The server is overloaded, frozen or far away."
        )
    if isinstance(error, errors.ConnectionFailure):
        return CannotConnect(f"The connection was lost: {text}", where=where, hint="It is tried again by itself.")
    if isinstance(error, errors.PyMongoError | BSONError):
        return BadAnswer(text, where=where)
    return None


def shortened(text: str) -> str:
    """What the driver says, without the timeouts and the topology that it adds to every sentence.

    >>> shortened("db:1: refused (configured timeouts: x: 3.0ms), Timeout: 2.0s, Topology Description: <T>")
    'db:1: refused'
    """
    return text.partition(" (configured timeouts")[0].partition(", Timeout: ")[0]


def _mapped_failure(error: Any, target: MongoTarget) -> BackendError:
    # The driver's own text repeats the whole answer.
    text, where = (error.details or {}).get("errmsg") or str(error), target.where
    if error.code in _DENIED_CODES:
        return AccessDenied(text, where=where, hint=f"Check user, password and roles of {target.variable}.")
    if error.code in _TOO_SLOW_CODES:
        return DeadlineExceeded(text, where=where, hint="The server is busy; the reading is repeated.")
    if error.code in _NOT_THERE_CODES:
        return NotThere(text, where=where)
    return BadAnswer(text, where=where)
