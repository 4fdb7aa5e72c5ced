"""A Postgres server's connections: who they belong to, what they do, and how many it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from backends.clients.errors import AccessDenied, BackendError, NotThere
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.pools.groups import Group, by_app, safe_name
from backends.pools.model import Place, Server

DEADLINE_MS: Final = 400
"""The server ends a monitoring query after this long."""

Row = Any
"""A record of connections.sql, by its columns' names."""


class PostgresSide:
    """Reads one server, through the clients (one a database) that are on it."""

    def __init__(self, clients: Sequence[PostgresClient], place: Place) -> None:
        self.place = place
        self._clients = clients

    async def read(self) -> Server:
        """The server as it is now, asked through the first database that lets us in. Raises BackendError."""
        refused: list[BackendError] = []
        for client in self._clients:
            try:
                async with client.reading(DEADLINE_MS) as session:
                    return server_from(await session.fetch(query(__file__, "connections")), self.place)
            except (AccessDenied, NotThere) as error:
                refused.append(error)
        raise refused[0]


def server_from(rows: Sequence[Row], place: Place) -> Server:
    """The server that the rows of connections.sql tell of."""
    hidden = sum(row["n"] for row in rows if row["hidden"])
    return Server(
        place,
        current=sum(row["n"] for row in rows),
        limit=rows[0]["limit"] if rows else None,
        by_app=by_app(group(row) for row in rows),
        notes=(_grant(hidden, rows[0]["role"]),) if hidden else (),
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


def _grant(hidden: int, role: str) -> str:
    return f"the state of {hidden} other roles' connections is hidden: GRANT pg_read_all_stats TO {safe_name(role)}"
