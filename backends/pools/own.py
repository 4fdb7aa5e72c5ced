"""This console's own pools, and the servers that its variables name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients, MongoPool
from backends.clients.naming import application_name
from backends.clients.pool_counts import PoolCount
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, Role
from backends.pools.groups import safe_name
from backends.pools.model import Cost, Kind, Place, Pool
from backends.pools.mongo_side import MongoSide
from backends.pools.postgres_side import PostgresSide

SHORTEST_RATE_S: Final = 0.5
"""Seconds between two counts that a rate is worked out from, at least."""


class Rate:
    """A counter's growth a second, worked out over half a second at least however often it is asked for."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None
        self._rate: float | None = None

    def of(self, count: float, at: float) -> float | None:
        """The rate, from a count at a time in seconds; None until there are two."""
        if self._before is None:
            self._before = count, at
        elif at - self._before[1] >= SHORTEST_RATE_S:
            self._rate = round((count - self._before[0]) / (at - self._before[1]), 2)
            self._before = count, at
        return self._rate


class Meter:
    """What this console's connections cost, from what their clients count."""

    def __init__(self) -> None:
        self._queries = Rate()
        self._busy = Rate()

    def cost(self, counts: Iterable[PoolCount], at: float) -> Cost:
        """The cost at a time in seconds of a monotonic clock."""
        all_of_them = list(counts)
        return Cost(
            sum(count.connections for count in all_of_them),
            self._queries.of(sum(count.queries for count in all_of_them), at),
            self._busy.of(1000 * sum(count.busy_s for count in all_of_them), at),
            sum(count.monitors for count in all_of_them),
            sum(count.apart for count in all_of_them),
        )


def sides(mongo: MongoClients, postgres: Iterable[PostgresClient]) -> list[MongoSide | PostgresSide]:
    """One for each server that is configured, however many databases on it are watched."""
    return [
        *(MongoSide(mongo, roles, place) for place, roles in mongo_roles(mongo).items()),
        *(PostgresSide(clients, place) for place, clients in postgres_clients(postgres).items()),
    ]


def own_counts(mongo: MongoClients, postgres: Mapping[str, PostgresClient]) -> list[PoolCount]:
    """What the clients count, of those that are configured."""
    clients = configured(postgres).values()
    return [*mongo.counts(), *(client.pool_count() for client in clients)]


def own_pools(mongo: MongoClients, postgres: Mapping[str, PostgresClient]) -> list[Pool]:
    """The clients' pools, of those that are configured."""
    return [*map(_mongo_pool, mongo.pools()), *(_postgres_pool(*each) for each in configured(postgres).items())]


def configured(postgres: Mapping[str, PostgresClient]) -> dict[str, PostgresClient]:
    """The clients that have a target."""
    return {role: client for role, client in postgres.items() if missing(partial(getattr, client, "target")) is None}


def missing(target: Callable[[], object]) -> BackendError | None:
    """Why asking for a target fails; None where it doesn't."""
    try:
        target()
    except BackendError as error:
        return error
    return None


def place_of(clients: MongoClients, role: Role) -> Place | None:
    """The server of a role's database; None where that is not configured."""
    if missing(partial(clients.target, role)) is not None:
        return None
    return Place(Kind.MONGO, safe_name(clients.target(role).server))


def mongo_roles(clients: MongoClients) -> dict[Place, list[Role]]:
    """The Mongo servers, each with the roles that have a client of their own there."""
    roles: dict[Place, list[Role]] = {}
    for pool in clients.pools():
        role, target = next(iter(pool.targets.items()))
        roles.setdefault(Place(Kind.MONGO, safe_name(target.server)), []).append(role)
    return roles


def postgres_clients(clients: Iterable[PostgresClient]) -> dict[Place, list[PostgresClient]]:
    """The Postgres servers, each with the clients of its databases."""
    found: dict[Place, list[PostgresClient]] = {}
    for client in clients:
        if missing(partial(getattr, client, "target")) is None:
            found.setdefault(Place(Kind.POSTGRES, _server_name(client.target)), []).append(client)
    return found


def _mongo_pool(pool: MongoPool) -> Pool:
    server = safe_name(next(iter(pool.targets.values())).server)
    return _own(server, Kind.MONGO, ", ".join(role.value for role in pool.targets), pool.count, server)


def _postgres_pool(role: str, client: PostgresClient) -> Pool:
    server = _server_name(client.target)
    return _own(safe_name(f"{server}/{client.target.database}"), Kind.POSTGRES, role, client.pool_count(), server)


def _own(name: str, kind: Kind, role: str, count: PoolCount, server: str) -> Pool:
    return Pool(
        name,
        kind,
        role,
        count.max,
        count.min,
        count.active,
        count.idle,
        count.waiting,
        count.wait,
        count.create,
        own=True,
        app=safe_name(application_name()),
        server=server,
        opened=count.opened,
        closed=count.closed,
        failures=count.failures,
        apart=count.apart,
    )


def _server_name(target: PostgresTarget) -> str:
    host, port = target.server
    return safe_name(f"{host}:{port}")
