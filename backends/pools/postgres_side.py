"""A Postgres server's connections: who they belong to, what they do, and how many it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from backends.clients.errors import AccessDenied, BackendError, CannotConnect, DeadlineExceeded, NotThere
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.pools.groups import Group, by_app, safe_name
from backends.pools.look import ASYNCPG_TRIPS, Look
from backends.pools.model import Place, Pool, Server, Session
from backends.pools.pooler import Pooler, has_no_room
from backends.safety.secrets import mask
from backends.safety.text import display_text

DEADLINE_MS: Final = 400
"""The server ends a monitoring query after this long."""

QUERY_LIMIT: Final = 400
"""Characters of a query that are read."""

PATIENCE_S: Final = 1.0
"""Seconds that an answer through a PgBouncer may take, the wait in its pool included."""

SLOW_LOCKS: Final = "who blocks whom isn't known: the server took longer than 400 ms to tell"

Row = Any
"""A record of connections.sql or sessions.sql, by its columns' names."""


class PostgresSide:
    """Reads one server, through the clients (one a database) that are on it."""

    def __init__(self, clients: Sequence[PostgresClient], place: Place) -> None:
        self.place = place
        self._clients = clients
        self._pooler = Pooler(place.name)

    async def read(self) -> Server:
        """The server as it is now, asked through the first database that lets us in. Raises BackendError."""
        refused: list[BackendError] = []
        for client in self._clients:
            try:
                return await self._read(client)
            except (AccessDenied, NotThere) as error:
                refused.append(error)
        raise refused[0]

    async def _read(self, client: PostgresClient) -> Server:
        poolers, hidden = await self._pooler.read(client) if self._pooler.is_suspected(client) else ((), ())
        if has_no_room(poolers, client.target.database):
            # PgBouncer keeps those who gave up waiting, so every question would make its queue longer.
            return self._unasked(poolers, hidden)
        try:
            async with asyncio.timeout(PATIENCE_S if poolers else None):
                return await self._ask(client, poolers, hidden)
        except (TimeoutError, DeadlineExceeded, CannotConnect):
            if not self._pooler.is_one:
                # Perhaps it waited in the pool of a PgBouncer that isn't known for one yet.
                poolers, hidden = await self._pooler.read(client)
            if not poolers:
                raise
            return self._unasked(poolers, hidden)

    def _unasked(self, poolers: tuple[Pool, ...], notes: tuple[str, ...]) -> Server:
        note = "the server itself can't be asked: PgBouncer has no connection for us"
        return Server(self.place, notes=(note, *notes), poolers=poolers, locks_hidden=note, transactions_hidden=note)

    async def _ask(self, client: PostgresClient, poolers: tuple[Pool, ...], hidden: tuple[str, ...]) -> Server:
        rows: Sequence[Row] = ()
        named: Sequence[Row] = ()
        locks_hidden, pid = "", 0
        look = Look()
        try:
            async with client.reading(DEADLINE_MS) as session:
                look, pid = Look(client.round_trip_s), session.get_server_pid()
                rows = await look.at(session.fetch(query(__file__, "connections")), ASYNCPG_TRIPS)
                named = await look.at(session.fetch(query(__file__, "sessions")), ASYNCPG_TRIPS)
        except DeadlineExceeded:
            if not rows:
                raise
            locks_hidden = SLOW_LOCKS
        lent = bool(rows) and rows[0]["pid"] != pid
        if rows and not self._pooler.is_one and self._pooler.is_suspected(client, lent=lent):
            poolers, hidden = await self._pooler.read(client)
        return server_from(rows, self.place, named, poolers, hidden, look.took_s, locks_hidden)


def server_from(
    rows: Sequence[Row],
    place: Place,
    named: Sequence[Row] = (),
    poolers: tuple[Pool, ...] = (),
    notes: tuple[str, ...] = (),
    took_s: float = 0.0,
    locks_hidden: str = "",
) -> Server:
    """The server that the rows of connections.sql and sessions.sql tell of."""
    hidden = sum(row["n"] for row in rows if row["hidden"])
    grant = _grant(hidden, rows[0]["role"]) if hidden else ""
    return Server(
        place,
        current=sum(row["n"] for row in rows),
        limit=rows[0]["limit"] if rows else None,
        by_app=by_app(group(row) for row in rows),
        notes=(*filter(None, (grant, locks_hidden)), *notes),
        sessions=tuple(map(session_from, named)),
        poolers=poolers,
        took_s=took_s,
        locks_hidden=locks_hidden or grant,
        transactions_hidden=grant,
    )


def group(row: Row) -> Group:
    """A row of connections.sql as what it is in truth: who waits for its client is idle, whatever the server calls it.

    >>> row = {"app": "a", "host": None, "state": "active", "waits_for": "Client", "n": 2, "longest_s": 1.0}
    >>> group(row).active, group(row).idle
    (0, 2)
    """
    n, state = row["n"], row["state"] or ""
    in_transaction = state.startswith("idle in transaction")
    active = state == "active" and row["waits_for"] != "Client"
    idle = state == "idle" or (state == "active" and not active)
    return Group(
        app=row["app"],
        host=row["host"] or "",
        active=n if active else 0,
        idle=n if idle else 0,
        other=0 if active or idle else n,
        in_transaction=n if in_transaction else 0,
        oldest_s=(row["longest_s"] or 0.0) if in_transaction else 0.0,
        wait=(row["waits_for"] or "") if active else "",
    )


def session_from(row: Row) -> Session:
    """A row of sessions.sql, safe to show."""
    waits = "" if row["waits_for"] in (None, "Client") else f"{row['waits_for']} {row['waits_at']}"
    return Session(
        row["pid"],
        row["started"] or "",
        safe_name(row["app"]) or None,
        safe_name(row["username"] or ""),
        safe_name(row["host"] or ""),
        safe_name(row["database"] or ""),
        safe_name(row["state"] or ""),
        None if row["for_s"] is None else max(row["for_s"], 0.0),
        safe_name(waits),
        display_text(mask(row["query"] or ""), QUERY_LIMIT),
        tuple(sorted(set(row["blocked_by"]))),
    )


def _grant(hidden: int, role: str) -> str:
    return f"the state of {hidden} other roles' connections is hidden: GRANT pg_read_all_stats TO {safe_name(role)}"
