"""How the platform's pools fit a Mongo server's limit, with the clients that the server itself lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.naming import application_name
from backends.clients.targets import Role
from backends.config.model import Finding, Status
from backends.pools.groups import safe_name
from backends.pools.model import AppConnections, Kind, Place
from backends.pools.mongo_side import MongoSide


@dataclass(frozen=True, slots=True)
class Connections:
    """A server's limit, None where it doesn't tell; and how many client processes with a name are known there."""

    limit: int | None = None
    clients: int = 0


async def connections(clients: MongoClients, role: Role) -> Connections:
    """Asks the server of a role; one that refuses or has no time for it tells nothing. Raises NotConfigured."""
    place = Place(Kind.MONGO, clients.target(role).server)
    try:
        server = await MongoSide(clients, (role,), place).read()
    except BackendError:
        return Connections()
    return Connections(server.limit, known_clients(server.by_app, safe_name(application_name())))


def known_clients(apps: Iterable[AppConnections], own: str) -> int:
    """Client processes of all named applications but this console: each has a monitor there, and one host at least.

    >>> known_clients([AppConnections("api", ("a", "b"), monitors=3), AppConnections(None, ("c",))], "olorin-console")
    3
    """
    named = (app for app in apps if app.app is not None and app.app != own)
    return sum(max(app.monitors, len(app.hosts), 1) for app in named)


def about_connections(found: Connections, pools: int, id_: str = "servers.mongo.connections") -> Finding:
    """How the known clients' pools fit the limit. pools: connections that one process opens at most.

    >>> [about_connections(Connections(limit, 2), 150).status.value for limit in (300, 299)]
    ['ok', 'warn']
    """
    known = f"{found.clients:,} known client{'' if found.clients == 1 else 's'}"
    if found.limit is None:
        fits, message = True, f"limit not told; {known}, {pools} connections each at most"
    elif not found.clients:
        fits = found.limit >= pools
        message = f"{found.limit:,} connections: room for {found.limit // pools:,} processes of {pools} each"
    else:
        most = found.clients * pools
        fits = most <= found.limit
        message = f"{known} of {pools} connections each may open {most:,}, the server allows {found.limit:,}"
    return Finding(
        id_,
        "pools fit the server",
        Status.OK if fits else Status.WARN,
        message,
        why="All known clients' largest pools together stay below the server's limit.",
        breaks="connecting, under load",
    )
