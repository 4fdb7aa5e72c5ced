"""The composition root: the only module that names concrete classes. Everything is made when it is first asked for."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from backends.alerts.model import System
from backends.alerts.service import OverviewService
from backends.clients.http import HttpClient
from backends.clients.model import ModelClient, model_target
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import (
    WATCHING,
    PoolLimits,
    PostgresTarget,
    mongo_targets,
    postgres_target,
    separate_target,
    separation,
)
from backends.safety.reports import write_report
from backends.safety.secrets import mask
from backends.sampling.reading import Problem
from console.settings import own_problems

if TYPE_CHECKING:
    from backends.bots.probes import ServicesHealth
    from backends.bots.service import BotsService
    from backends.config.reality import Servers
    from backends.config.service import ConfigService
    from backends.drafting.service import DraftingService
    from backends.migrations.service import MigrationsService
    from backends.orphans.service import OrphansService
    from backends.pools.service import PoolsService
    from backends.sampling.state import Summary
    from console.settings import Settings

CONFIG_REFRESH_S: Final = 10.0
"""Seconds between two looks of the overview at the configuration: one stat of a file unless it changed."""

BOTS_REFRESH_S: Final = 5.0
"""Seconds between two looks of the overview at the bot sessions."""


class Services:
    """The clients and services of one profile, shared by every screen and command."""

    def __init__(self, settings: Settings, limits: PoolLimits = WATCHING) -> None:
        self.settings = settings
        self._limits = limits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @cached_property
    def mongo(self) -> MongoClients:
        """The Mongo clients, as small as watching needs."""
        return MongoClients(mongo_targets(self.settings.environment), self._limits)

    @cached_property
    def orchestration(self) -> PostgresClient:
        """The bot sessions' Postgres."""
        return self._postgres("ORCHESTRATION_DATABASE_URL", "The bot sessions' database")

    @cached_property
    def chunks(self) -> PostgresClient:
        """Semantik's Postgres."""
        return self._postgres("CHUNKS_DATABASE_URL", "The chunks' database")

    @cached_property
    def model(self) -> ModelClient:
        """The language model."""
        return ModelClient(model_target(self.settings.environment))

    @cached_property
    def http(self) -> HttpClient:
        """Other services' HTTP."""
        return HttpClient(connect_s=self._limits.connect_s)

    @cached_property
    def config(self) -> ConfigService:
        """The configuration, and what the servers say to it."""
        from backends.config.service import ConfigService

        settings = self.settings
        return ConfigService(settings.env_file, os.environ, own_problems, self._servers, started=settings.environment)

    @cached_property
    def orphans(self) -> OrphansService:
        """References whose parent is missing."""
        from backends.orphans.service import OrphansService

        own = self.settings.own
        return OrphansService(self.mongo, own.state, own.content_collection)

    @cached_property
    def migrations(self) -> MigrationsService:
        """What would be migrated."""
        from backends.migrations.separation import Move
        from backends.migrations.service import MigrationsService

        environment = self.settings.environment
        move = Move(separation(environment), separate_target(environment))
        return MigrationsService(self.mongo, move, self.chunks, self.orchestration)

    @cached_property
    def pools(self) -> PoolsService:
        """Connection pools and the servers behind them."""
        from backends.pools.service import PoolsService

        postgres = {"bot sessions": self.orchestration, "chunks": self.chunks}
        own = self.settings.own
        return PoolsService(
            self.mongo, postgres, self.http, own.metrics_urls, content_collection=own.content_collection
        )

    @cached_property
    def bots(self) -> BotsService:
        """Bot sessions."""
        from backends.bots.service import BotsService

        return BotsService(self.orchestration)

    @cached_property
    def bots_health(self) -> ServicesHealth:
        """The services that bots need."""
        from backends.bots.probes import ServicesHealth

        own = self.settings.own
        urls = {
            "whisper": own.whisper_url,
            "translation": own.translation_url,
            "orchestration": own.orchestration_url,
        }
        return ServicesHealth(urls, self.http, self.orchestration, self.mongo)

    @cached_property
    def drafting(self) -> DraftingService:
        """The drafting partner."""
        from backends.drafting.options import drafting_options
        from backends.drafting.service import DraftingService

        options = drafting_options(self.settings.environment)
        return DraftingService(self.settings.own.state / "drafting", self.model, options)

    @cached_property
    def overview(self) -> OverviewService:
        """Every system's state; a slow look where looking costs more."""
        quick, slow = self.settings.own.refresh, 60.0
        systems = (
            System("1", "config", CONFIG_REFRESH_S, lambda: self.config.summary()),
            System("2", "pools", quick, lambda: self.pools.summary()),
            System("3", "migrations", slow, lambda: self.migrations.summary()),
            System("4", "orphans", slow, lambda: self.orphans.summary()),
            System("5", "bots", BOTS_REFRESH_S, self._bots_summary),
            System("6", "drafting", 30.0, lambda: self.drafting.summary()),
        )
        return OverviewService(systems, self.unexpected)

    async def _bots_summary(self) -> Summary:
        from backends.bots.summary import summary

        return summary(await self.bots.watch())

    def unexpected(self, doing: str, error: Exception) -> Problem:
        """A failure that nobody foresaw, as a problem, with a masked report in the state folder."""
        path = write_report(self.settings.own.state, error, doing)
        return unexpected_problem(error, path)

    async def aclose(self) -> None:
        """Closes what was opened."""
        opened = [
            self.__dict__[name]
            for name in ("mongo", "orchestration", "chunks", "model", "http")
            if name in self.__dict__
        ]
        await asyncio.gather(*(client.aclose() for client in opened), return_exceptions=True)

    def _servers(self) -> Servers:
        from backends.config.reality import Servers

        return Servers(self.mongo, self.orchestration, self.chunks, self.model, self.http)

    def _postgres(self, variable: str, what: str) -> PostgresClient:
        target = postgres_target(self.settings.environment, variable, what)
        return PostgresClient(target, self._limits_on(target))

    def _limits_on(self, target: object) -> PoolLimits:
        """Two connections a server in all: two databases on one server get one each."""
        variables = ("ORCHESTRATION_DATABASE_URL", "CHUNKS_DATABASE_URL")
        targets = [postgres_target(self.settings.environment, variable, "") for variable in variables]
        servers = [each.server for each in targets if isinstance(each, PostgresTarget)]
        if isinstance(target, PostgresTarget) and servers.count(target.server) > 1:
            return replace(self._limits, max=1)
        return self._limits


def unexpected_problem(error: BaseException, report: Path | None) -> Problem:
    """What people are told of an unexpected failure."""
    hint = "Everything else goes on. Please pass the report on." if report else "The report could not be written."
    return Problem("unexpected failure", mask(f"{type(error).__name__}: {error}"), hint=hint, report=str(report or ""))
