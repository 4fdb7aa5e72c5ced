"""What the pools screen and `olorin pools` ask: this console's pools, other processes', and the servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit

from backends.clients.errors import BackendError, BadAnswer, DeadlineExceeded
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients, MongoPool
from backends.clients.pool_counts import PoolCount
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, Role
from backends.pools.content import ContentMetadata
from backends.pools.groups import safe_name
from backends.pools.latency import DEADLINE_MS as PROBE_MS
from backends.pools.latency import LatencyProbe
from backends.pools.model import Cost, Kind, Latency, OwnSide, Place, Pool, Published, Server, Snapshot
from backends.pools.mongo_side import MongoSide
from backends.pools.postgres_side import PostgresSide
from backends.pools.published import published_pools
from backends.pools.rules import summary
from backends.safety.secrets import mask_url
from backends.sampling.reading import Problem, utc_now
from backends.sampling.state import Summary

DEADLINE_S: Final = 10.5
"""Seconds that one server, or one endpoint, may take in all."""

OK: Final = 200
"""HTTP's."""

SHORTEST_RATE_S: Final = 0.5
"""Seconds between two counts that a rate is worked out from, at least."""


class PoolsService:
    """Asks each server and endpoint on its own, so that one that is down hides no other.

    postgres: what each client is for → the client.
    """

    def __init__(
        self,
        mongo: MongoClients,
        postgres: Mapping[str, PostgresClient],
        http: HttpClient,
        metrics_urls: Sequence[str] = (),
        *,
        content_collection: str = "content",
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._mongo = mongo
        self._postgres = postgres
        self._http = http
        self._metrics_urls = metrics_urls
        self._deadline_s = deadline_s
        sides: list[MongoSide | PostgresSide] = [*_mongo_sides(mongo), *_postgres_sides(postgres.values())]
        self._sides = {side.place: side for side in sides}
        self._apps: dict[Place, frozenset[str | None]] = {}
        self._rate = _Rate()
        self._probe = LatencyProbe(ContentMetadata(mongo, content_collection, max_time_ms=PROBE_MS))

    @property
    def places(self) -> tuple[Place, ...]:
        """The servers that are configured, each once."""
        return tuple(self._sides)

    @property
    def unconfigured(self) -> tuple[Problem, ...]:
        """What isn't configured, with the variable to set."""
        missing = [_missing(partial(self._mongo.target, role)) for role in Role]
        missing += [_missing(partial(getattr, client, "target")) for client in self._postgres.values()]
        return tuple(dict.fromkeys(error.problem() for error in missing if error is not None))

    @property
    def has_content(self) -> bool:
        """Whether there is a Mongo whose content look-ups can be measured."""
        return any(place.kind is Kind.MONGO for place in self.places)

    @property
    def publishes(self) -> bool:
        """Whether there are endpoints of other processes to ask."""
        return bool(self._metrics_urls)

    async def server(self, place: Place) -> Server:
        """The server's numbers now. Raises BackendError, DeadlineExceeded after ten seconds."""
        try:
            async with asyncio.timeout(self._deadline_s):
                server = await self._sides[place].read()
        except TimeoutError:
            raise self._too_slow(place.name) from None
        self._apps[place] = frozenset(app.app for app in server.by_app)
        return server

    async def own(self) -> OwnSide:
        """This console's pools and what they cost; asks nobody."""
        mongo = self._mongo.pools()
        postgres = {role: client for role, client in self._postgres.items() if _is_configured(client)}
        counts = [pool.count for pool in mongo] + [client.pool_count() for client in postgres.values()]
        rate = self._rate.of(sum(count.queries for count in counts), time.monotonic())
        return OwnSide(
            (*map(_mongo_pool, mongo), *(_postgres_pool(role, client) for role, client in postgres.items())),
            Cost(sum(count.connections for count in counts), rate),
        )

    async def published(self) -> Published:
        """The pools that other processes publish, and the endpoints that gave none."""
        outcomes = await asyncio.gather(*map(self._endpoint, self._metrics_urls))
        return Published(
            tuple(self._with_kind(pool) for outcome in outcomes if isinstance(outcome, tuple) for pool in outcome),
            tuple(outcome for outcome in outcomes if isinstance(outcome, Problem)),
        )

    async def latency(self) -> Latency:
        """How long content look-ups take from here, measured once more by asking."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._probe.measure()
        except TimeoutError:
            return replace(self._probe.so_far(), problem=self._too_slow("the content look-ups").problem())

    async def sample(self, *, probe: bool = True) -> Snapshot:
        """Everything; what could not be had is a problem in its place. probe: whether look-ups are measured too."""
        servers = asyncio.gather(*map(self._server_or_problem, self.places))
        published, found = await asyncio.gather(self.published(), servers)
        published = replace(published, pools=tuple(map(self._with_kind, published.pools)))
        reachable = any(server.place.kind is Kind.MONGO and server.problem is None for server in found)
        # Afterwards, lest the look-ups are measured while they wait for our own small pool.
        latency = await self.latency() if probe and reachable else self._probe.so_far()
        return Snapshot(utc_now(), await self.own(), published, tuple(found), latency)

    async def summary(self) -> Summary:
        """The state and the worst finding in one line."""
        return summary(await self.sample(probe=False))

    def _with_kind(self, pool: Pool) -> Pool:
        """The pool with the kind of server that its application was seen on, if it doesn't say itself."""
        if pool.kind is not None:
            return pool
        kinds = {place.kind for place, apps in self._apps.items() if pool.app in apps}
        return replace(pool, kind=kinds.pop()) if len(kinds) == 1 else pool

    def _too_slow(self, where: str) -> BackendError:
        hint = "It is overloaded, frozen or far away."
        return DeadlineExceeded(f"No answer within {self._deadline_s:g} s.", where=where, hint=hint)

    async def _server_or_problem(self, place: Place) -> Server:
        try:
            return await self.server(place)
        except BackendError as error:
            return Server(place, problem=error.problem())

    async def _endpoint(self, url: str) -> tuple[Pool, ...] | Problem:
        try:
            async with asyncio.timeout(self._deadline_s):
                status, text = await self._http.get(url)
            if status != OK:
                raise BadAnswer(f"The answer is HTTP {status}.", where=mask_url(url), hint="Correct METRICS_URLS.")
            # Off the loop, where a large text would keep keys waiting.
            return await asyncio.to_thread(published_pools, text, url)
        except BackendError as error:
            return error.problem()
        except TimeoutError:
            return self._too_slow(mask_url(url)).problem()


class _Rate:
    """A counter's growth a second, worked out over half a second at least however often it is asked for."""

    def __init__(self) -> None:
        self._before: tuple[int, float] | None = None
        self._rate: float | None = None

    def of(self, count: int, at: float) -> float | None:
        if self._before is None:
            self._before = count, at
        elif at - self._before[1] >= SHORTEST_RATE_S:
            self._rate = round((count - self._before[0]) / (at - self._before[1]), 2)
            self._before = count, at
        return self._rate


def _mongo_sides(clients: MongoClients) -> list[MongoSide]:
    """One a server; a server's roles are those that have a client of their own there."""
    roles: dict[str, list[Role]] = {}
    for pool in clients.pools():
        role, target = next(iter(pool.targets.items()))
        roles.setdefault(target.server, []).append(role)
    return [MongoSide(clients, on_it, Place(Kind.MONGO, safe_name(server))) for server, on_it in roles.items()]


def _postgres_sides(clients: Iterable[PostgresClient]) -> list[PostgresSide]:
    """One a server, however many databases on it are watched."""
    found: dict[str, list[PostgresClient]] = {}
    for client in clients:
        if _is_configured(client):
            found.setdefault(_server_name(client.target), []).append(client)
    return [PostgresSide(on_it, Place(Kind.POSTGRES, name)) for name, on_it in found.items()]


def _mongo_pool(pool: MongoPool) -> Pool:
    server = next(iter(pool.targets.values())).server
    return _own(safe_name(server), Kind.MONGO, ", ".join(role.value for role in pool.targets), pool.count)


def _postgres_pool(role: str, client: PostgresClient) -> Pool:
    database = unquote(urlsplit(client.target.url).path).strip("/")
    return _own(safe_name(f"{_server_name(client.target)}/{database}"), Kind.POSTGRES, role, client.pool_count())


def _own(name: str, kind: Kind, role: str, count: PoolCount) -> Pool:
    return Pool(
        name, kind, role, count.max, count.min, count.active, count.idle, count.waiting, count.wait, count.create, True
    )


def _server_name(target: PostgresTarget) -> str:
    host, port = target.server
    return safe_name(f"{host}:{port}")


def _missing(target: Callable[[], object]) -> BackendError | None:
    try:
        target()
    except BackendError as error:
        return error
    return None


def _is_configured(client: PostgresClient) -> bool:
    return _missing(partial(getattr, client, "target")) is None
