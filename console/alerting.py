"""What the alerts read: every service's snapshot as measures; and the overview's systems."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from backends.alerts.model import System
from backends.alerts.service import OverviewService
from backends.clients.deadlines import Patience
from backends.clients.errors import BackendError, DeadlineExceeded, NotConfigured
from backends.clients.targets import PostgresTarget, Role, mongo_targets, postgres_target, separate_target
from backends.runs.model import RunState
from backends.sampling.measure import Absent, Measure, measured
from backends.sampling.reading import utc_now
from console.settings import ConfigurationInvalid

if TYPE_CHECKING:
    from backends.alerts.store import AlertStore
    from backends.alerts.table import Settings as AlertSettings
    from backends.alerts.watch import AlertsService, Read
    from backends.clients.postgres import PostgresClient
    from backends.pools.machines import Machines
    from backends.safety.proofs import Proof
    from backends.sampling.state import Summary
    from console.settings import Settings
    from console.wiring import Services

Measures = Sequence[Measure]

CONFIG_REFRESH_S: Final = 10.0
"""Seconds between two looks of the overview at the configuration: one stat of a file unless it changed."""

BOTS_REFRESH_S: Final = 5.0
"""Seconds between two looks of the overview at the bot sessions."""

PING_S: Final = 5.0
"""Seconds within which a server has to answer a ping, its connection included, and the configuration's questions."""

LOST_S: Final = 1.0
"""Seconds without the processor above which a server that seems silent may have answered."""

CONFIG_ANSWERS_KEPT_S: Final = 60.0
"""Seconds for which the servers' answers to the configuration are good."""

MACHINE: Final = ("machine.cpu", "machine.memory")

PROOFS: Final = ("separation", "chunks.verify")
"""Kinds of proofs, of the Olorin migration and of the chunks'."""

MODULES: Final = (
    "backends.alerts.store",
    "backends.alerts.watch",
    "backends.backup.measures",
    "backends.bots.measures",
    "backends.config.measures",
    "backends.drafting.measures",
    "backends.migrations.measures",
    "backends.orphans.measures",
    "backends.pools.machines",
    "backends.pools.measures",
    "backends.runs.measures",
    "backends.safety.measures",
)
"""What measuring imports; imported ahead and off the loop, it keeps no key waiting."""


def overview(services: Services) -> OverviewService:
    """Every system's state; a slow look where looking costs more."""
    quick, slow = services.settings.own.refresh, 60.0
    systems = (
        System("1", "config", CONFIG_REFRESH_S, lambda: services.config.summary()),
        System("2", "pools", quick, lambda: services.pools.summary()),
        System("3", "migrations", slow, lambda: services.migrations.summary()),
        System("4", "orphans", slow, lambda: services.orphans.summary()),
        System("5", "bots", BOTS_REFRESH_S, lambda: _bots_summary(services)),
        System("6", "drafting", 30.0, lambda: services.drafting.summary()),
    )
    return OverviewService(systems, services.unexpected)


async def _bots_summary(services: Services) -> Summary:
    from backends.bots.summary import summary

    return summary(await services.bots.watch())


def alert_settings(settings: Settings) -> AlertSettings:
    """The rules as `alerts.toml` has them. Raises ConfigurationInvalid."""
    from backends.alerts.table import Malformed, settings_in

    try:
        return settings_in(settings.own.state)
    except Malformed as error:
        raise ConfigurationInvalid(str(error)) from error


def alerts(services: Services) -> AlertsService:
    """The alerts. Raises ConfigurationInvalid."""
    from backends.alerts.watch import AlertsService

    settings = alert_settings(services.settings)
    return AlertsService(
        sources(services),
        settings,
        alert_store(services),
        lambda: (services.audit, services.author),
        services.unexpected,
    )


def alert_store(services: Services) -> AlertStore:
    """What is kept of alerts for these servers."""
    from backends.alerts.file import AlertFile
    from backends.alerts.store import AlertStore

    return AlertStore(AlertFile(services.settings.own.state, _identity(services)))


def _identity(services: Services) -> list[str]:
    """The deployment, by what stays while Olorin's data moves: the main database, the Postgres ones, model and kind.

    Neither the flag of the separation nor its target is part of it, or what was kept before the switch would be lost
    with it. Users and passwords aren't either: who looks makes no other alerts.
    """
    environment = services.settings.environment
    main = mongo_targets(environment)[Role.MAIN]
    platform = separate_target(environment) if isinstance(main, BackendError) else main
    named = (platform, _target(services, "ORCHESTRATION_DATABASE_URL"), _target(services, "CHUNKS_DATABASE_URL"))
    places = [f"{each.server}/{each.database}" if not isinstance(each, BackendError) else "" for each in named]
    return [*places, environment.get("OPENAI_BASE_URL", ""), services.settings.kind]


def _target(services: Services, variable: str) -> PostgresTarget | BackendError:
    return postgres_target(services.settings.environment, variable, "")


def sources(services: Services) -> dict[str, Read]:
    """The first part of measures' names → what reads them."""
    named: dict[str, Callable[[Services], Awaitable[Measures]]] = {
        "servers": _servers,
        "pools": _pools,
        "orphans": _orphans,
        "chunks": _chunks,
        "proofs": _proofs,
        "runs": _runs,
        "backups": _backups,
        "bots": _bots,
        "drafting": _drafting,
    }
    kept = {
        "config": _Config(services).read,
        "services": _ServiceHealth(services).read,
        "machine": _MachineWatch(services).read,
    }
    return {**{name: partial(read, services) for name, read in named.items()}, **kept}


async def _servers(services: Services) -> Measures:
    """Whether each server answers; who refuses the user or has no such database is of no more use than who is gone."""

    async def mongo(role: Role) -> None:
        async with services.mongo.reading(role) as database:
            await database.command("ping")

    async def postgres(client: PostgresClient) -> None:
        async with client.reading() as connection:
            await connection.fetchval("SELECT 1")

    asked = (
        ("servers.mongo", "main", partial(mongo, Role.MAIN)),
        ("servers.mongo", "olorin", partial(mongo, Role.OLORIN)),
        ("servers.orchestration", "", partial(postgres, services.orchestration)),
        ("servers.chunks", "", partial(postgres, services.chunks)),
        ("servers.model", "", services.model.models),
    )
    return await asyncio.gather(*(_reached(*each) for each in asked))


async def _reached(name: str, subject: str, ask: Callable[[], Awaitable[object]]) -> Measure:
    patience = Patience(PING_S)
    try:
        async with patience:
            await ask()
    except NotConfigured as error:
        return Measure.missing(name, Absent.NOT_CONFIGURED, error.message, subject)
    except (DeadlineExceeded, TimeoutError):
        if patience.lost_s > LOST_S:
            why = f"this machine is too busy to tell: it kept us from running for {patience.lost_s:.0f} s"
            return Measure.missing(name, Absent.NO_DATA, why, subject)
        return measured(name, 1, subject, f"no answer within {PING_S:g} s")
    except BackendError as error:
        return measured(name, 1, subject, f"{error.kind}: {error.message}")
    return measured(name, 0, subject)


class _Config:
    """The configuration; the servers' answers to it are asked for anew once they are old, since they cost more."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked_at: float | None = None

    async def read(self) -> Measures:
        from backends.config.measures import measures

        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at > CONFIG_ANSWERS_KEPT_S:
            await self._services.config.answers(PING_S)
            self._asked_at = now
        return measures(await self._services.config.snapshot())


async def _pools(services: Services) -> Measures:
    from backends.pools.measures import measures

    return measures(await services.pools.sample(), publishes=bool(services.settings.own.metrics_urls))


async def _orphans(services: Services) -> Measures:
    from backends.orphans.measures import INTERVALS, completed_at, measures

    scan, trends = await services.orphans.latest(), await services.orphans.trends()
    interval, now = INTERVALS[services.settings.production], utc_now()
    completed = completed_at(scan, trends)
    is_due = completed is None or now - completed > interval
    return measures(scan, trends, await _cleaned_at(services) if is_due else None, now, interval)


async def _cleaned_at(services: Services) -> datetime | None:
    """When the newest clean-up ended, by any console; None where there is none, or nobody can be asked."""
    from backends.orphans.clean_model import CLEAN

    runs = (await services.runs.page()).runs
    return next((run.updated_at for run in runs if run.kind == CLEAN and run.known_state is RunState.DONE), None)


async def _chunks(services: Services) -> Measures:
    from backends.migrations.measures import measures

    return measures(await services.migrations.chunks())


async def newest_proofs(services: Services) -> dict[str, Proof | None]:
    """Kind of proof → the newest of it. Raises BackendError, NotConfigured where there is nothing to verify."""
    from backends.safety.proofs import ProofStore

    store = ProofStore(services.settings.own.state)
    targets = (separate_target(services.settings.environment), _target(services, "CHUNKS_DATABASE_URL"))
    named = zip(PROOFS, targets, strict=True)
    known = {kind: target.where for kind, target in named if not isinstance(target, BackendError)}
    if not known:
        raise NotConfigured("No database is configured that could be verified.")
    return {kind: await asyncio.to_thread(store.newest, kind, where) for kind, where in known.items()}


async def _proofs(services: Services) -> Measures:
    from backends.safety.measures import measures

    return measures(await newest_proofs(services), utc_now())


async def _runs(services: Services) -> Measures:
    from backends.runs.measures import measures

    if all(store.reads for store in services.run_stores):
        raise NotConfigured("No database is configured that runs could change.")
    return measures(await services.runs.page())


async def _backups(services: Services) -> Measures:
    from backends.backup.measures import measures
    from backends.backup.model import TARGETS

    verdicts = {}
    for target in TARGETS:
        try:
            verdicts[target] = await services.backups.gate(target, undoable=True)
        except NotConfigured:
            continue
    return measures(verdicts)


async def _bots(services: Services) -> Measures:
    from backends.bots.measures import session_measures

    sessions, events = await asyncio.gather(services.bots.watch(), services.bots.recent_errors())
    return session_measures(sessions, events)


class _ServiceHealth:
    """The services that bots need. Failures in a row are counted by all processes of a host together, so that cron,
    whose every check is a process of its own, counts them too; where nothing can be kept, by this one alone.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unkept: dict[str, int] = {}

    async def read(self) -> Measures:
        from backends.bots.measures import service_measures

        found = await self._services.bots_health.look()
        failures = await self._in_a_row({each.name: each.failures for each in found if each.configured})
        return service_measures(replace(each, failures=failures.get(each.name, 0)) for each in found)

    async def _in_a_row(self, found: dict[str, int]) -> dict[str, int]:
        from backends.alerts.engine import in_a_row

        if not found:
            return {}
        try:
            return await asyncio.to_thread(alert_store(self._services).add_failures, found, utc_now())
        except BackendError:
            self._unkept = in_a_row(self._unkept, found)
            return self._unkept


class _MachineWatch:
    """The machines whose node exporters METRICS_URLS names; one that told once and tells no longer is no data."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, Machines] = {}

    async def read(self) -> Measures:
        urls = self._services.settings.own.metrics_urls
        if not urls:
            raise NotConfigured("METRICS_URLS is not set.")
        found = [each for machine in await asyncio.gather(*map(self._at, urls)) for each in machine]
        return found or [
            Measure.missing(name, Absent.UNTOLD, "METRICS_URLS names no node exporter") for name in MACHINE
        ]

    async def _at(self, url: str) -> list[Measure]:
        from backends.pools.machines import Machines

        machines = self._known.setdefault(url, Machines(self._services.http, (url,)))
        host = urlsplit(url).netloc.rpartition("@")[2]
        return [
            measured(f"machine.{name}", value, host, "" if value is not None else "it does not tell")
            for name, value in (await machines.read()).items()
        ]


async def _drafting(services: Services) -> Measures:
    from backends.drafting.measures import measures

    if isinstance(services.drafting.model, BackendError):
        raise NotConfigured(services.drafting.model.message)
    return measures(await services.drafting.allowance())
