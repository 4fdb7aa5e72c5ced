"""What the pools screen and `olorin pools` ask: this console's pools, other processes', and the servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from backends.clients.errors import BackendError, BadAnswer, DeadlineExceeded
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import Role
from backends.pools.content import ContentMetadata
from backends.pools.histograms import Histograms
from backends.pools.history import History
from backends.pools.joined import joined, with_server
from backends.pools.latency import DEADLINE_MS as PROBE_MS
from backends.pools.latency import LatencyProbe
from backends.pools.machine import machine
from backends.pools.model import Kind, Latency, OwnSide, Place, Pool, Published, Server, Snapshot
from backends.pools.own import Meter, missing, own_counts, own_pools, place_of, sides
from backends.pools.published import published_pools
from backends.pools.rules import about, rest_s, summary
from backends.pools.series import latency_values, pool_series, pool_values, server_series
from backends.safety.url_secrets import mask_url
from backends.sampling.reading import Problem, utc_now
from backends.sampling.state import Summary

DEADLINE_S: Final = 10.0
"""Seconds that one server, or one endpoint, may take in all, the look-ups in its collections included."""

QUIET_S: Final = 1.0
"""Seconds that look-ups wait for the other servers' answers, so that reading those doesn't make them seem slow."""

OK: Final = 200
"""HTTP's."""


class PoolsService:
    """Asks each server and endpoint on its own, so that one that is down hides no other.

    postgres: what each client is for → the client. history: what was read lately, for lines of cells and forecasts.
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
        self._sides = {side.place: side for side in sides(mongo, postgres.values())}
        self._servers: dict[Place, Server] = {}
        self._read_at: dict[Place, float] = {}
        self._silent: set[Place] = set()
        self._published: tuple[Pool, ...] = ()
        self._histograms = Histograms()
        self._meter = Meter()
        self._probe = LatencyProbe(ContentMetadata(mongo, content_collection, max_time_ms=PROBE_MS))
        self.history = History()

    @property
    def places(self) -> tuple[Place, ...]:
        """The servers that are configured, each once."""
        return tuple(self._sides)

    @property
    def unconfigured(self) -> tuple[Problem, ...]:
        """What isn't configured, with the variable to set."""
        errors = [missing(partial(self._mongo.target, role)) for role in Role]
        errors += [missing(partial(getattr, client, "target")) for client in self._postgres.values()]
        return tuple(dict.fromkeys(error.problem() for error in errors if error is not None))

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
                read = await self._sides[place].read()
        except TimeoutError:
            self._fell_silent(place)
            raise self._too_slow(place.name) from None
        except BackendError:
            self._fell_silent(place)
            raise
        self._silent.discard(place)
        before, series = self._servers.get(place), server_series(place)
        self._read_at[place] = time.monotonic()
        self.history.add(series, self._read_at[place], read.current)
        for pool in read.poolers:
            self._remember(pool)
        self._servers[place] = replace(
            joined(read, (*self._published, *own_pools(self._mongo, self._postgres))),
            full_in_s=self.history.full_in_s(series, read.limit),
            # The first reading opens a connection, which says nothing of the server.
            rest_s=rest_s(min(read.took_s, before.took_s)) if before is not None else 0.0,
            poolers=tuple(replace(self._forecast(pool), limit=read.limit) for pool in read.poolers),
        )
        return self._servers[place]

    async def own(self) -> OwnSide:
        """This console's pools and what they cost; asks nobody."""
        cost = self._meter.cost(own_counts(self._mongo, self._postgres), time.monotonic())
        return OwnSide(tuple(map(self._enriched, own_pools(self._mongo, self._postgres))), cost)

    async def published(self) -> Published:
        """The pools that other processes publish, and the endpoints that gave none."""
        outcomes = await asyncio.gather(*map(self._endpoint, self._metrics_urls))
        found = [pool for outcome in outcomes if isinstance(outcome, tuple) for pool in outcome]
        problems = tuple(outcome for outcome in outcomes if isinstance(outcome, Problem))
        self._published = tuple(map(self._with_kind, found))
        return Published(tuple(map(self._enriched, self._published)), problems)

    async def latency(self) -> Latency:
        """How long content look-ups take from here, measured once more by asking."""
        return await self._latency_by(asyncio.get_running_loop().time() + self._deadline_s)

    async def _latency_by(self, deadline: float) -> Latency:
        """The same, ended at a time (seconds) of the event loop's clock; a hot server is left alone."""
        place = place_of(self._mongo, Role.BAYIT)
        if place is not None and self._resting(place) is not None:
            return self._probe.so_far()
        try:
            async with asyncio.timeout_at(deadline):
                latency = await self._probe.measure()
        except TimeoutError:
            return replace(self._probe.so_far(), problem=self._too_slow("the content look-ups").problem())
        for series, value in latency_values(latency):
            self.history.add(series, time.monotonic(), value)
        return latency

    async def sample(self, *, probe: bool = True) -> Snapshot:
        """Everything; what could not be had is a problem in its place. probe: whether look-ups are measured too.

        A server that is hot is not asked before its rest is over: what it said last stands for it, with its age.
        """
        deadline = asyncio.get_running_loop().time() + self._deadline_s
        servers = {place: asyncio.create_task(self._server_or_problem(place)) for place in self.places}
        published, latency, found = await asyncio.gather(
            self.published(),
            self._looked_up(servers if probe else {}, deadline),
            asyncio.gather(*servers.values()),
        )
        return await self.gathered(found, published, latency or self._probe.so_far())

    async def gathered(self, servers: Iterable[Server], published: Published, latency: Latency) -> Snapshot:
        """What was read, beside each other; asks nobody."""
        # Once more, now that the servers have told whose connections they hold.
        self._published = tuple(map(self._with_kind, self._published))
        published = replace(published, pools=tuple(map(self._at_its_server, self._published)))
        pools = (*self._published, *own_pools(self._mongo, self._postgres))
        found = tuple(server if server.problem else joined(server, pools) for server in servers)
        return Snapshot(utc_now(), await self.own(), published, found, latency)

    async def _looked_up(self, servers: Mapping[Place, asyncio.Task[Server]], deadline: float) -> Latency | None:
        """The look-ups' times, measured once their own server has answered, and within what is left of its time."""
        place = place_of(self._mongo, Role.BAYIT)
        if place is None or place not in servers or (await servers[place]).problem is not None:
            return None
        # Afterwards, lest the look-ups are measured while they wait for our own small pool.
        await asyncio.wait(servers.values(), timeout=QUIET_S)
        return await self._latency_by(deadline)

    async def summary(self) -> Summary:
        """The state and the worst finding in one line."""
        return summary(await self.sample(probe=False))

    def _enriched(self, pool: Pool) -> Pool:
        self._remember(pool)
        return self._at_its_server(pool)

    def _at_its_server(self, pool: Pool) -> Pool:
        return self._forecast(replace(with_server(pool, self._servers.values()), answers=self._answers(pool)))

    def _answers(self, pool: Pool) -> bool | None:
        """What another process counts of its pool is as new as ever, whoever does not answer us."""
        place = Place(pool.kind, pool.server) if pool.own and pool.kind is not None else None
        return False if place in self._silent else True if place in self._servers else None

    def _remember(self, pool: Pool) -> None:
        for series, value in pool_values(pool):
            self.history.add(series, time.monotonic(), value)

    def _forecast(self, pool: Pool) -> Pool:
        return replace(pool, full_in_s=None if pool.own else self.history.full_in_s(pool_series(pool), pool.max))

    def _fell_silent(self, place: Place) -> None:
        """What a server that doesn't answer runs now isn't known."""
        self._silent.add(place)
        if place in self._servers:
            self._servers[place] = replace(self._servers[place], sessions=())

    def _with_kind(self, pool: Pool) -> Pool:
        """The pool with the kind of server that its application was seen on, if it doesn't say itself."""
        if pool.kind is not None:
            return pool
        kinds = {
            server.place.kind for server in self._servers.values() if any(app.app == pool.app for app in server.by_app)
        }
        return replace(pool, kind=kinds.pop()) if len(kinds) == 1 else pool

    def _too_slow(self, where: str) -> BackendError:
        hint = "It is overloaded, frozen or far away."
        return DeadlineExceeded(f"No answer within {self._deadline_s:g} s.", where=where, hint=hint)

    def _resting(self, place: Place) -> Server | None:
        """What a hot server said last, while it is left alone; None where it may be asked."""
        kept = self._servers.get(place)
        if kept is None or place in self._silent:
            return None
        age_s = time.monotonic() - self._read_at[place]
        said = f"it is hot and left alone: its numbers are {about(age_s, '')} old"
        return replace(kept, notes=(*kept.notes, said)) if age_s < kept.rest_s else None

    async def _server_or_problem(self, place: Place) -> Server:
        try:
            return self._resting(place) or await self.server(place)
        except BackendError as error:
            return Server(place, problem=error.problem())

    async def _endpoint(self, url: str) -> tuple[Pool, ...] | Problem:
        try:
            async with asyncio.timeout(self._deadline_s):
                status, text = await self._http.get(url)
            if status != OK:
                raise BadAnswer(f"The answer is HTTP {status}.", where=mask_url(url), hint="Correct METRICS_URLS.")
            # Off the loop, where a large text would keep keys waiting.
            return await asyncio.to_thread(_pools_in, text, url, self._histograms)
        except BackendError as error:
            return error.problem()
        except TimeoutError:
            return self._too_slow(mask_url(url)).problem()


def _pools_in(text: str, url: str, histograms: Histograms) -> tuple[Pool, ...]:
    """The pools in the text; none in a machine's, which need not have any. Raises BadAnswer."""
    try:
        return published_pools(text, url, histograms)
    except BadAnswer:
        if machine(text) is not None:
            return ()
        raise
