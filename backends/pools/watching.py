"""Servers, endpoints and look-ups read on and on, each at its own pace, for those who report at another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Self, TypeVar

from backends.pools.latency import PROBE_REFRESH_S
from backends.pools.model import Latency, Place, Published, Server, Snapshot
from backends.pools.rules import about
from backends.pools.service import PoolsService
from backends.sampling.poller import Poller, no_rest
from backends.sampling.reading import Freshness, Problem, Reading, utc_now

T = TypeVar("T")


class Watching:
    """Inside the block everything is read again and again; `snapshot` is what is known, and waits for nobody.

    A server that is slow, hot or gone delays no other, nor the next report: each has its own pause, which grows
    unevenly while it fails. refresh is in seconds; unexpected turns an exception that nobody foresaw into a Problem.
    """

    def __init__(self, service: PoolsService, refresh: float, unexpected: Callable[[str, Exception], Problem]) -> None:
        self._service = service
        self._refresh = refresh
        self._unexpected = unexpected
        self._servers = {
            place: self._poller(place.name, partial(service.server, place), refresh, lambda server: server.rest_s)
            for place in service.places
        }
        self._published = self._poller("published pools", service.published, refresh)
        self._latency = self._poller("content look-ups", service.latency, max(refresh, PROBE_REFRESH_S))
        self._read = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        pollers: list[Poller[Any]] = [*self._servers.values(), self._published]
        if self._service.has_content:
            pollers.append(self._latency)
        self._loops = [asyncio.create_task(poller.run(self._has_read)) for poller in pollers]
        return self

    async def __aexit__(self, *_: object) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def all_read(self) -> None:
        """Waits until every server has answered or failed once."""
        await self._read.wait()

    async def snapshot(self) -> Snapshot:
        """What is known now; what is older than it should be says how old it is."""
        now = utc_now()
        servers = [as_known(place, poller.reading, now) for place, poller in self._servers.items()]
        return await self._service.gathered(servers, self._known_pools(), self._known_latency())

    def _known_pools(self) -> Published:
        reading = self._published.reading
        known = reading.value or Published()
        return known if reading.problem is None else replace(known, problems=(*known.problems, reading.problem))

    def _known_latency(self) -> Latency:
        reading = self._latency.reading
        known = reading.value or Latency()
        return known if reading.problem is None else replace(known, problem=reading.problem)

    def _has_read(self, _: Reading[Any]) -> None:
        if all(poller.reading.number for poller in self._servers.values()):
            self._read.set()

    def _poller(
        self, name: str, read: Callable[[], Awaitable[T]], refresh: float, rest: Callable[[T], float] = no_rest
    ) -> Poller[T]:
        return Poller(read, refresh, partial(self._unexpected, f"reading {name}"), name=name, rest=rest)


def as_known(place: Place, reading: Reading[Server], now: datetime) -> Server:
    """The server as it was read last. Old numbers stay, but nothing is judged by them: why and how old are said.

    >>> from backends.pools.model import Kind
    >>> as_known(Place(Kind.MONGO, "db:27017"), Reading(2.0), utc_now()).problem.message
    'It has not answered yet.'
    """
    server, age = reading.value, reading.age(now)
    if server is None or age is None:
        problem = reading.problem or Problem("too slow", "It has not answered yet.", place.name)
        return Server(place, problem=problem)
    old = f"its numbers are {about(age.total_seconds(), '')} old"
    freshness = reading.freshness(now)
    if reading.problem is not None:
        return replace(server, problem=replace(reading.problem, message=f"{reading.problem.message} ({old})"))
    if freshness is Freshness.STALE:
        return replace(server, problem=Problem("too slow", f"It has not answered since; {old}.", place.name))
    return replace(server, notes=(*server.notes, f"it is hot and left alone: {old}")) if server.rest_s else server
