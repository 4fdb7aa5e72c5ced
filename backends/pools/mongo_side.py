"""A Mongo server's connections: its own total and limit, and who they belong to."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from backends.clients.errors import AccessDenied, BackendError, BadAnswer
from backends.clients.mongo import MongoClients
from backends.clients.read_only import Document, ReadingDatabase
from backends.clients.targets import Role
from backends.pools.groups import Group, by_app
from backends.pools.look import Look
from backends.pools.model import Place, Server, Session, Use
from backends.pools.mongo_groups import GROUPED, NAMESPACES, count, grouped, groups, uses
from backends.pools.mongo_operations import RUNNING, last_commands, sessions

DEADLINE_MS: Final = 400
"""The server ends a monitoring query after this long."""

UNLISTED: Final = 2
"""Connections that may come or go between two questions; a larger difference is named."""

MOST_GROUPS: Final = 1_000
"""Groups or operations that come in one answer; more of them take further answers."""

GRANT: Final = "grant the role clusterMonitor on admin"

_LEFT_OUT: Final = dict.fromkeys(
    ("metrics", "locks", "wiredTiger", "tcmalloc", "opLatencies", "transactions", "repl", "opcounters", "network"), 0
)
"""Sections of serverStatus that cost the server something and that nobody asks for here."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A server's connections in groups, and its operations. tells_locks: whether those tell who waits for one."""

    groups: Sequence[Group] = ()
    sessions: tuple[Session, ...] = ()
    tells_locks: bool = True

    @property
    def total(self) -> int:
        """How many connections are listed."""
        return sum(group.total for group in self.groups)


class MongoSide:
    """Reads one server, through the roles (each with its own client) that are on it.

    It remembers two things of the server: whether its `$currentOp` lists nobody but the caller, and the limit that it
    told last, since a server with nothing available says the same as one that tells no limit.
    """

    def __init__(self, clients: MongoClients, roles: Sequence[Role], place: Place) -> None:
        self.place = place
        self._clients = clients
        self._roles = roles
        self._lists_by_stage = True
        self._limit: int | None = None

    async def read(self) -> Server:
        """The server as it is now. Raises BackendError; a missing privilege only where nothing could be read."""
        denied: list[AccessDenied] = []
        for role in self._roles:
            try:
                return await self._read(role)
            except AccessDenied as error:
                denied.append(error)
        first = denied[0]
        raise AccessDenied(first.message, where=first.where, hint=f"{first.hint} To see connections, {GRANT}.")

    async def _read(self, role: Role) -> Server:
        async with self._admin(role) as admin:
            started = time.monotonic()
            await admin.command("ping")
            look = Look(time.monotonic() - started)
        found, notes = await self._listed(role, look)
        hidden = "".join(notes)
        try:
            current, limit = await self._total(role, look)
        except AccessDenied:
            if notes:
                raise
            current, limit = found.total, None
            notes.append(f"serverStatus is hidden: {GRANT}")
        missing = (current or 0) - found.total
        if missing > UNLISTED and not notes:
            notes.append(f"{missing} of {current} connections are not listed")
        return Server(
            self.place,
            current,
            limit,
            by_app(found.groups),
            tuple(notes),
            sessions=found.sessions,
            took_s=look.took_s,
            locks_hidden=hidden,
            tells_locks=found.tells_locks,
        )

    async def _listed(self, role: Role, look: Look) -> tuple[Listed, list[str]]:
        """Everybody's connections; where that is denied, those of this user, and a note that names what is missing."""
        try:
            return await self._everybody(role, look), []
        except BadAnswer as error:
            return Listed(), [f"the server lists no connections: {error.message}"]
        except AccessDenied:
            note = f"only this user's connections are listed: {GRANT}"
            with suppress(BackendError):
                return await self._by_stage(role, look, all_users=False), [note]
            return Listed(), [f"connections are not listed: {GRANT}"]

    async def uses(self) -> frozenset[Use]:
        """Which application is at which namespace now. Raises BackendError, AccessDenied where others' are hidden."""
        role = self._roles[0]
        if self._lists_by_stage:
            async with self._admin(role) as admin:
                found = uses(await _operations(admin, NAMESPACES, all_users=True, idle=True))
            # Every server has at least a monitor's connection beside the caller's.
            if len(found) > 1:
                return found
        async with self._admin(role) as admin:
            answer = await admin.command("currentOp", **{"$all": True, "maxTimeMS": DEADLINE_MS})
        return uses(answer.get("inprog", ()))

    @asynccontextmanager
    async def _admin(self, role: Role) -> AsyncIterator[ReadingDatabase]:
        async with self._clients.reading(role) as database:
            yield database.beside("admin")

    async def _everybody(self, role: Role, look: Look) -> Listed:
        if self._lists_by_stage:
            with suppress(AccessDenied):
                listed = await self._by_stage(role, look, all_users=True)
                # Every server has at least a monitor's connection beside the caller's.
                if listed.total > 1:
                    return listed
        listed = await self._by_command(role, look)
        # A server that tells who is active has a stage that lists more, once there is more.
        self._lists_by_stage = not listed.groups or any(group.active is not None for group in listed.groups)
        return listed

    async def _by_stage(self, role: Role, look: Look, *, all_users: bool) -> Listed:
        """`$currentOp`, grouped by the server, and what runs if anything does. All users need the privilege inprog."""
        async with self._admin(role) as admin:
            listed = groups(await look.at(_operations(admin, GROUPED, all_users, idle=True)))
            running: tuple[Session, ...] = ()
            # One is this listing itself.
            if sum(group.active or 0 for group in listed) > 1:
                found = await look.at(_operations(admin, RUNNING, all_users, idle=False))
                running = sessions(found, tells=True)
            return Listed(listed, running)

    async def _by_command(self, role: Role, look: Look) -> Listed:
        """The older command, for servers whose stage lists only the caller."""
        async with self._admin(role) as admin:
            answer = await look.at(admin.command("currentOp", **{"$all": True, "maxTimeMS": DEADLINE_MS}))
        operations = answer.get("inprog", ())
        listed = groups(grouped(operations))
        if any(group.active is not None for group in listed):
            return Listed(listed)
        return Listed(listed, sessions(last_commands(operations), tells=False), tells_locks=False)

    async def _total(self, role: Role, look: Look) -> tuple[int | None, int | None]:
        """Connections now, and the limit; None for what the server doesn't tell."""
        async with self._admin(role) as admin:
            status = await look.at(admin.command("serverStatus", maxTimeMS=DEADLINE_MS, **_LEFT_OUT))
        told = status.get("connections")
        told = told if isinstance(told, Mapping) else {}
        current = count(told.get("current"))
        self._limit = limit_told(current, count(told.get("available")), self._limit)
        return current, self._limit


async def _operations(
    admin: ReadingDatabase, stages: Sequence[Mapping[str, Any]], all_users: bool, *, idle: bool
) -> list[Document]:
    stage = {
        "allUsers": all_users,
        "idleConnections": idle,
        "idleSessions": False,
        "idleCursors": False,
        "localOps": True,
    }
    # In one batch: each further one is a round trip.
    cursor = admin.aggregate([{"$currentOp": stage}, *stages], maxTimeMS=DEADLINE_MS, batchSize=MOST_GROUPS)
    found: list[Document] = await cursor.to_list(None)
    return found


def limit_told(current: int | None, available: int | None, before: int | None) -> int | None:
    """The limit, from what the server says now and the limit that it told before.

    >>> limit_told(12, 88, None), limit_told(12, 0, None), limit_told(100, 0, 100), limit_told(None, 5, 100)
    (100, None, 100, 100)
    """
    return before if current is None or not available else current + available
