"""Client truth beside server truth: what each says of the same connections, and why they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from backends.pools.model import AppConnections, Kind, Pool, Server, Session

MONITORS_A_CLIENT: Final = 2
"""Sockets that a Mongo driver opens to a server beside its pool: one that listens, and one that measures the way."""

MOST_HOLDERS: Final = 5
"""Sessions that are named as those who hold a pool's connections."""


def joined(server: Server, pools: Sequence[Pool]) -> Server:
    """The server with what the pools on it say: each application's own count, and their maxima together."""
    on_it = [pool for pool in pools if pool.kind is server.place.kind and pool.server in ("", server.place.name)]
    counts = counted(on_it)
    apps = {app.app for app in server.by_app}
    maxima = [pool.max for pool in on_it if pool.max is not None and pool.app in apps]
    by_app = tuple(with_count(app, counts.get(app.app or ""), server.place.kind) for app in server.by_app)
    return replace(server, by_app=by_app, pools_max=sum(maxima) if maxima else None)


def counted(pools: Iterable[Pool]) -> Mapping[str, int]:
    """How many connections the clients of each application count themselves; only where they tell."""
    counts: dict[str, int] = {}
    for pool in pools:
        if pool.app and pool.active is not None and pool.idle is not None:
            counts[pool.app] = counts.get(pool.app, 0) + pool.active + pool.idle + pool.apart
    return counts


def with_count(app: AppConnections, count: int | None, kind: Kind) -> AppConnections:
    """The application with its clients' own count, and why the server's is another."""
    return app if count is None else replace(app, counted=count, difference=difference(app, count, kind))


def difference(app: AppConnections, count: int, kind: Kind) -> str:
    """Why the server lists another number of connections than the clients count; empty where it doesn't.

    >>> difference(AppConnections("api", ("10.0.0.5",), other=7, monitors=1), 5, Kind.MONGO)
    '2 monitoring sockets'
    >>> difference(AppConnections("api", ("10.0.0.5", "10.0.0.6"), other=12), 5, Kind.POSTGRES)
    '7 of another process (2 hosts)'
    >>> difference(AppConnections("api", ("10.0.0.5",), other=7), 5, Kind.POSTGRES)
    '2 of another process, or half-open'
    >>> difference(AppConnections("api", ("10.0.0.5",), other=3), 5, Kind.POSTGRES)
    '2 half-open: the server has closed them already'
    """
    more = app.total - count
    if more < 0:
        return f"{-more} half-open: the server has closed them already"
    monitors = min(more, _monitors(app)) if kind is Kind.MONGO else 0
    more -= monitors
    said = [_monitoring(monitors)] if monitors else []
    if more and len(app.hosts) > 1:
        said.append(f"{more} of another process ({len(app.hosts)} hosts)")
    elif more:
        said.append(f"{more} of another process, or half-open")
    return ", ".join(said)


def _monitors(app: AppConnections) -> int:
    """The most that drivers' monitors can be: each that is told has one beside it that looks idle."""
    return max(app.monitors, 1) * MONITORS_A_CLIENT


def _monitoring(sockets: int) -> str:
    return "1 monitoring socket" if sockets == 1 else f"{sockets} monitoring sockets"


def with_server(pool: Pool, servers: Iterable[Server]) -> Pool:
    """The pool with its server's limit and, while somebody waits or it is full, the sessions that hold it."""
    there = [server for server in servers if server.place.kind is pool.kind and is_on(pool, server)]
    limits = [server.limit for server in there if server.limit is not None]
    holders = holding(pool, there) if is_full(pool) or pool.waiting else ()
    return replace(pool, limit=limits[0] if len(limits) == 1 else None, holders=holders)


def is_on(pool: Pool, server: Server) -> bool:
    """Whether the server lists connections under the pool's name."""
    if pool.server:
        return pool.server == server.place.name
    return bool(pool.app) and any(app.app == pool.app for app in server.by_app)


def is_full(pool: Pool) -> bool:
    """Whether every connection that it may open is in use."""
    return pool.max is not None and pool.active is not None and pool.active >= pool.max > 0


def holding(pool: Pool, servers: Iterable[Server]) -> tuple[Session, ...]:
    """The sessions under the pool's name, those that have been at it for longest first."""
    found = [session for server in servers for session in server.sessions if session.app == pool.app]
    return tuple(sorted(found, key=lambda session: -(session.for_s or 0.0))[:MOST_HOLDERS])
