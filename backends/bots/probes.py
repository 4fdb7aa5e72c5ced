"""Asks the services that a bot needs whether they are well: three over HTTP, and both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from backends.bots.monitor import (
    FAILURES_UNHEALTHY,
    HealthReport,
    ServiceHealth,
    answered,
    failed,
    not_configured,
    overall,
)
from backends.bots.tables import database_health
from backends.clients.errors import BackendError, BadAnswer, DeadlineExceeded, NotConfigured
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import Role

PATHS: Final[Mapping[str, str]] = {
    "whisper": "/health",
    "translation": "/api/health",
    "orchestration": "/api/system/health",
}
"""Service → the path of its health page."""

VARIABLES: Final[Mapping[str, str]] = {
    "whisper": "WHISPER_URL",
    "translation": "TRANSLATION_URL",
    "orchestration": "ORCHESTRATION_URL",
}

PROBE_S: Final = 8.0
"""Seconds that a probe waits: longer than a slow answer takes, so that slow and gone can be told apart."""

PAUSE_S: Final = 0.5
"""Seconds between the probes of one service that failed."""

LOOK_S: Final = 10.0
"""Seconds that `look` takes at most: one probe of a service that is silent, three of one that refuses."""

Probe = Callable[[], Awaitable[float]]
"""Asks once; returns the milliseconds that the answer took, raises BackendError."""


class ServicesHealth:
    """The services' health, followed from probe to probe. urls: service → base URL, empty where there is none."""

    def __init__(
        self, urls: Mapping[str, str], http: HttpClient, postgres: PostgresClient, mongo: MongoClients
    ) -> None:
        self._http = http
        self._postgres = postgres
        self._mongo = mongo
        self._probes: dict[str, Probe] = {name: self._http_probe(name, urls.get(name, "")) for name in PATHS}
        self._probes |= {"postgres": self._ask_postgres, "mongo": self._ask_mongo}
        self._known = {name: ServiceHealth(name) for name in self._probes}

    async def check(self) -> HealthReport:
        """Probes every service once, all at the same time. Raises nothing: who doesn't answer is in the report."""
        await asyncio.gather(*map(self._follow, self._probes))
        return self._report()

    async def check_thoroughly(self) -> HealthReport:
        """Probes every service, and those that fail again, until each has answered or failed often enough to tell."""
        await asyncio.gather(*(self._follow(name, inf) for name in self._probes))
        return self._report()

    async def look(self) -> tuple[ServiceHealth, ...]:
        """The services over HTTP as they are now, whatever was before: their failures are those of this look, three
        where there is time for that many. Ends within LOOK_S seconds, since none waits for another. Raises nothing.
        """
        return tuple(await asyncio.gather(*(self._settled(ServiceHealth(name), LOOK_S) for name in PATHS)))

    def _report(self) -> HealthReport:
        services = tuple(self._known.values())
        return HealthReport(overall(services), services)

    async def _follow(self, name: str, within_s: float = 0.0) -> None:
        self._known[name] = await self._settled(self._known[name], within_s)

    async def _settled(self, service: ServiceHealth, within_s: float) -> ServiceHealth:
        """The service after a probe, and after more of them while it is undecided and another whole one is in time."""
        last_start = time.monotonic() + within_s - PROBE_S - PAUSE_S
        service = await self._probed(service)
        while 0 < service.failures < FAILURES_UNHEALTHY and time.monotonic() <= last_start:
            await asyncio.sleep(PAUSE_S)
            service = await self._probed(service)
        return service

    async def _probed(self, before: ServiceHealth) -> ServiceHealth:
        try:
            async with asyncio.timeout(PROBE_S):
                return answered(before, await self._probes[before.name]())
        except NotConfigured:
            return not_configured(before.name)
        except BackendError as error:
            return failed(before, f"{error.kind}: {error.message}")
        except TimeoutError:
            return failed(before, f"{DeadlineExceeded.kind}: no answer within {PROBE_S:g} s")

    def _http_probe(self, name: str, base: str) -> Probe:
        async def ask() -> float:
            if not base:
                raise NotConfigured(f"{name} is not configured.", hint=f"Set {VARIABLES[name]}.")
            await self._http.open()
            url, started = health_url(base, PATHS[name]), time.monotonic()
            status, _ = await self._http.get(url, answer_s=PROBE_S)
            if status != 200:
                raise BadAnswer(f"It answered with HTTP {status}.", where=url)
            return _ms_since(started)

        return ask

    async def _ask_postgres(self) -> float:
        async with self._postgres.reading() as connection:
            started = time.monotonic()
            health = await database_health(connection)
            if health.missing:
                tables = ", ".join(health.missing)
                raise BadAnswer(f"Tables that can't be read: {tables}.", where=self._postgres.target.where)
            return _ms_since(started)

    async def _ask_mongo(self) -> float:
        async with self._mongo.reading(Role.MAIN) as database:
            started = time.monotonic()
            await database.command("ping")
            return _ms_since(started)


def health_url(base: str, path: str) -> str:
    """The health page of a service, whose base may have a path of its own, or be the health page already.

    >>> health_url("http://h:5001/", "/health"), health_url("http://h/whisper/health", "/health")
    ('http://h:5001/health', 'http://h/whisper/health')
    """
    parts = urlsplit(base)
    own = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=own if own.endswith("health") else own + path))


def _ms_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
