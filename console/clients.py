"""The clients of one profile and its gate: the lower half of the composition root, made when first asked for."""

from __future__ import annotations

import asyncio
import shlex
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from backends.clients.http import HttpClient
from backends.clients.model import ModelClient, model_target
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PoolLimits, PostgresTarget, mongo_targets, postgres_target
from backends.safety.reports import write_report
from backends.safety.secrets import mask
from backends.sampling.reading import Problem

if TYPE_CHECKING:
    from backends.safety.arming import Arming
    from backends.safety.audit import AuditMirror, AuditTrail
    from backends.safety.author import Author
    from backends.safety.gate import Act, Gate
    from console.settings import Settings


class Clients:
    """What connects, and what lets a change through."""

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
        return self._postgres("CHUNKS_DATABASE_URL", "The chunks' database", whole=True)

    @cached_property
    def model(self) -> ModelClient:
        """The language model."""
        return ModelClient(model_target(self.settings.environment))

    @cached_property
    def http(self) -> HttpClient:
        """Other services' HTTP."""
        return HttpClient(connect_s=self._limits.connect_s)

    @cached_property
    def audit(self) -> AuditTrail:
        """Who changed what."""
        from backends.safety.audit import AuditTrail

        return AuditTrail(self.settings.own.state)

    @cached_property
    def arming(self) -> Arming:
        """Whether the console may change anything now."""
        from backends.safety.arming import Arming

        return Arming(self.settings.own.allow_writes)

    @cached_property
    def author(self) -> Author:
        """Who acts in this process."""
        from backends.safety.author import this_author

        settings = self.settings
        return this_author(settings.profile, settings.kind, shlex.join(["olorin", *sys.argv[1:]]))

    @cached_property
    def gate(self) -> Gate:
        """What every change passes."""
        from backends.safety.gate import Gate

        return Gate(self.audit, self.author, self.arming, production=self.settings.production, mirrors=self.mirrors_of)

    def mirrors_of(self, _: Act) -> tuple[AuditMirror, ...]:
        """Where the audit entries of an act are kept besides."""
        return ()

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

    def _postgres(self, variable: str, what: str, *, whole: bool = False) -> PostgresClient:
        target = postgres_target(self.settings.environment, variable, what)
        if isinstance(target, PostgresTarget):
            target = replace(target, whole=whole)
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
