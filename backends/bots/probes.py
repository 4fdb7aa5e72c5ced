"""Asks the services that a bot needs whether they are well: three over HTTP, and both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
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
"""Seconds between the probes of `check_thoroughly`."""

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
        await self._probe(self._probes)
        return self._report()

    async def check_thoroughly(self) -> HealthReport:
        """Probes every service, and those that fail again, until each has answered or failed often enough to tell."""
        await self._probe(self._probes)
        while undecided := [each.name for each in self._known.values() if 0 < each.failures < FAILURES_UNHEALTHY]:
            await asyncio.sleep(PAUSE_S)
            await self._probe(undecided)
        return self._report()

    def _report(self) -> HealthReport:
        services = tuple(self._known.values())
        return HealthReport(overall(services), services)

    async def _probe(self, names: Iterable[str]) -> None:
        await asyncio.gather(*(self._probe_one(name) for name in names))

    async def _probe_one(self, name: str) -> None:
        before = self._known[name]
        try:
            async with asyncio.timeout(PROBE_S):
                after = answered(before, await self._probes[name]())
        except NotConfigured:
            after = not_configured(name)
        except BackendError as error:
            after = failed(before, f"{error.kind}: {error.message}")
        except TimeoutError:
            after = failed(before, f"{DeadlineExceeded.kind}: no answer within {PROBE_S:g} s")
        self._known[name] = after

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
