"""The composition root, with `clients`, `wiring_bots` and `jobs`: all that names concrete classes, made on demand."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from backends.clients.errors import NotConfigured, Refused
from backends.clients.targets import (
    MongoTarget,
    Role,
    mongo_targets,
    separate_target,
    separation,
    separation_is_on,
)
from console import __version__
from console.jobs import JOBS, READING
from console.settings import own_problems
from console.wiring_bots import BotServices

if TYPE_CHECKING:
    from backends.alerts.service import OverviewService
    from backends.alerts.watch import AlertsService
    from backends.backup.model import BackupGate
    from backends.backup.service import BackupsService
    from backends.clients.postgres import PostgresClient
    from backends.config.reality import Servers
    from backends.config.service import ConfigService
    from backends.config.sync import SyncWatch
    from backends.config.sync_acts import ServiceSync
    from backends.content.service import ContentService
    from backends.drafting.evidence import Evidence
    from backends.drafting.service import DraftingService
    from backends.migrations.olorin.desk import SeparationDesk
    from backends.migrations.olorin.service import SeparationService
    from backends.migrations.repartition.changes import RepartitionChanges
    from backends.migrations.repartition.rehearsing import Rehearsal
    from backends.migrations.repartition.service import RepartitionService
    from backends.migrations.schema_service import SchemaService
    from backends.migrations.separation import Move
    from backends.migrations.service import MigrationsService
    from backends.orphans.changes import OrphanChanges
    from backends.orphans.cleaning import CleaningService
    from backends.orphans.scans import ScanDesk
    from backends.orphans.service import OrphansService
    from backends.orphans.vectors import Vectors
    from backends.pools.acts import PoolActs
    from backends.pools.service import PoolsService
    from backends.runs.drive import Watcher
    from backends.runs.job import Job
    from backends.runs.model import Run
    from backends.runs.runner import Runner
    from backends.runs.service import RunsService
    from backends.runs.starting import RunStarter
    from backends.runs.store import RunStore, Timing
    from backends.safety.audit import AuditMirror
    from backends.safety.gate import Act


class Services(BotServices):
    """The services of one profile, shared by every screen and command."""

    run_timing: Timing | None = None
    """Other heartbeats and leases than usual."""

    @cached_property
    def run_stores(self) -> tuple[RunStore, ...]:
        """Where runs are recorded: every database that one could change."""
        from backends.runs.mongo_store import MongoRunStore
        from backends.runs.postgres_store import PostgresRunStore

        environment = self.settings.environment
        named = (mongo_targets(environment)[Role.MAIN], separate_target(environment))
        targets = {(each.server, each.database): each for each in named if isinstance(each, MongoTarget)}
        mongo = [MongoRunStore(self.mongo, target, self.run_timing) for target in targets.values()]
        clients = {"CHUNKS_DATABASE_URL": self.chunks, "ORCHESTRATION_DATABASE_URL": self.orchestration}
        by_url = {environment[name]: client for name, client in clients.items() if environment.get(name)}
        postgres = [PostgresRunStore(client, self.run_timing) for client in by_url.values()]
        return (*mongo, *postgres, self.reading_runs)

    @property
    def mirrors(self) -> dict[str, AuditMirror]:
        """Databases, by where they are, as places for audit entries: each that is configured and has runs."""
        found = {}
        for store in self.run_stores:
            with suppress(NotConfigured):
                if not store.reads:
                    found[store.where] = store.mirror()
        return found

    def mirrors_of(self, act: Act) -> tuple[AuditMirror, ...]:
        """Those that the act changes; what it has beside another target it does not."""
        known = self.mirrors
        if act.target not in known:
            return ()
        return tuple(known[where] for where in dict.fromkeys((act.target, *act.beside)) if where in known)

    @cached_property
    def reading_runs(self) -> RunStore:
        """Where runs are recorded that only read: the state folder."""
        from backends.runs.folder_store import FolderRunStore

        return FolderRunStore(self.settings.own.state, self.run_timing)

    @cached_property
    def runs(self) -> RunsService:
        """Long runs."""
        from backends.runs.service import RunsService

        state, timing = self.settings.own.state, self.run_timing
        return RunsService(self.run_stores, self.author, state, self._resume_command, timing, READING)

    @property
    def separation_store(self) -> RunStore:
        """Where the separation's runs are recorded: its target. Raises NotConfigured."""
        from backends.runs.mongo_store import MongoRunStore

        return MongoRunStore(self.mongo, self.separation.places.target, self.run_timing)

    @property
    def main_store(self) -> RunStore:
        """Where runs are recorded that change the main database. Raises NotConfigured."""
        from backends.runs.mongo_store import MongoRunStore

        return MongoRunStore(self.mongo, self.mongo.target(Role.MAIN), self.run_timing)

    @cached_property
    def run_starter(self) -> RunStarter:
        """What starts runs from a screen."""
        from backends.runs.starting import RunStarter, Unheard

        return RunStarter(self.runs, self.run_stores, lambda store: self.runner(store, Unheard()), self.gate)

    def runner(self, store: RunStore, watcher: Watcher) -> Runner:
        """What executes runs of the store in this process."""
        from backends.runs.runner import Runner

        def job(run: Run) -> Job:
            if run.kind not in JOBS:
                raise Refused(f"This version knows no job of the kind {run.kind}.", where=run.where)
            return JOBS[run.kind](self, store, run)

        return Runner(store, job, self.gate, self.author, __version__, watcher, self.run_timing)

    def _resume_command(self, run_id: str, typed: str) -> tuple[str, ...]:
        file = self.settings.env_file
        named = ("--env-file", str(file.absolute())) if file is not None else ()
        confirmed = ("--confirm", typed) if typed else ()
        return (sys.executable, "-m", "console", *named, "runs", "resume", run_id, "--ordered", "--json", *confirmed)

    @cached_property
    def backups(self) -> BackupsService:
        """Backups, and whether one is good enough."""
        from backends.backup.service import BackupsService

        postgres = {"orchestration": self.orchestration, "chunks": self.chunks}
        return BackupsService(self.mongo, postgres, self.settings.own.state)

    @cached_property
    def config(self) -> ConfigService:
        """The configuration, and what the servers say to it."""
        from backends.config.service import ConfigService

        settings = self.settings
        return ConfigService(settings.env_file, os.environ, own_problems, self._servers, started=settings.environment)

    @cached_property
    def _sync_watch(self) -> SyncWatch:
        from backends.config.sync import SyncWatch

        return SyncWatch(self.settings.own.state / "config" / "agreed.json")

    @cached_property
    def service_sync(self) -> ServiceSync:
        """Our audio settings beside the orchestration service's."""
        from backends.config.sync_acts import ServiceSync

        own = self.settings.own
        return ServiceSync(self.http, own.orchestration_url, self.config, self._sync_watch, own.state)

    @cached_property
    def orphans(self) -> OrphansService:
        """References whose parent is missing."""
        from backends.orphans.service import OrphansService

        own = self.settings.own
        return OrphansService(self.mongo, own.state, own.content_collection)

    @cached_property
    def scans(self) -> ScanDesk:
        """Scans of the references."""
        from backends.orphans.scans import ScanDesk

        return ScanDesk(self.orphans, self.reading_runs, lambda: self.run_starter)

    @cached_property
    def cleaning(self) -> CleaningService:
        """Cleaning orphans up, and restoring them."""
        from backends.orphans.cleaning import CleaningService

        separated = separation_is_on(self.settings.environment)
        state = self.settings.own.state
        return CleaningService(self.mongo, self.orphans, state, self.olorin_backup, separated=separated)

    @property
    def olorin_backup(self) -> BackupGate:
        """What lets the quarantines of the Olorin database be dropped."""
        return partial(self.backups.gate, "olorin")

    @cached_property
    def orphan_changes(self) -> OrphanChanges:
        """What screen 4 may change."""
        from backends.orphans.changes import OrphanChanges

        exemptions, user = self.orphans.exemptions, self.author.user
        return OrphanChanges(self.cleaning, exemptions, self.scans, self.run_starter, self.content, user)

    @cached_property
    def content(self) -> ContentService:
        """Contents, and what is indexed of them."""
        from backends.content.service import ContentService, index_options

        options = index_options(self.settings.environment)
        return ContentService(self.mongo, self.model, self.vectors, self.settings.own.content_collection, options)

    @cached_property
    def vectors(self) -> Vectors | None:
        """The embeddings' vectors, where a key is set."""
        from backends.orphans.vectors import vectors_of

        return vectors_of(self.settings.environment, self.http)

    @cached_property
    def migrations(self) -> MigrationsService:
        """What would be migrated."""
        from backends.migrations.service import MigrationsService

        return MigrationsService(self.mongo, self._move, self.chunks, self.orchestration)

    @cached_property
    def separation(self) -> SeparationService:
        """Olorin's collections, to a database of their own."""
        from backends.migrations.olorin.service import SeparationService

        return SeparationService(
            self.mongo,
            self._move,
            self.settings.own.state,
            partial(self.backups.gate, "main"),
            environment=self.settings.kind,
        )

    @cached_property
    def separation_desk(self) -> SeparationDesk:
        """The separation, for its page."""
        from backends.migrations.olorin.desk import SeparationDesk

        stores = (lambda: self.separation_store, lambda: self.main_store)
        return SeparationDesk(self.separation, stores, lambda: self.run_starter)

    @cached_property
    def _move(self) -> Move:
        from backends.migrations.separation import Move

        environment = self.settings.environment
        return Move(separation(environment), separate_target(environment))

    @cached_property
    def repartition(self) -> RepartitionService:
        """Re-partitioning the chunks table."""
        from backends.migrations.repartition.service import RepartitionService

        settings = self.settings
        backup = partial(self.backups.gate, "chunks")
        return RepartitionService(self.chunks, settings.own.state, backup, production=settings.production)

    @cached_property
    def repartition_changes(self) -> RepartitionChanges:
        """What may be changed about it."""
        from backends.migrations.repartition.changes import RepartitionChanges

        return RepartitionChanges(
            self.repartition, lambda: self.run_starter, lambda: self.runs, self.gate, lambda: self._rehearsal
        )

    @cached_property
    def _rehearsal(self) -> Rehearsal:
        from backends.migrations.repartition.rehearsing import Rehearsal
        from backends.runs.runner import Runner
        from backends.runs.starting import Unheard

        def runner(store: RunStore, job: Callable[[Run], Job]) -> Runner:
            return Runner(store, job, self.gate, self.author, __version__, Unheard(), self.run_timing)

        def service(client: PostgresClient) -> RepartitionService:
            from backends.migrations.repartition.service import RepartitionService

            state = self.settings.own.state / "rehearsals"
            return RepartitionService(client, state, partial(self.backups.gate, "chunks"))

        return Rehearsal(self.chunks, self.gate, runner, service)

    @cached_property
    def chunks_runs(self) -> RunStore:
        """Where the runs that change the chunks are recorded."""
        from backends.runs.postgres_store import PostgresRunStore

        return PostgresRunStore(self.chunks, self.run_timing)

    @cached_property
    def schema(self) -> SchemaService:
        """The bot-session schema's versions."""
        from backends.migrations.schema_service import SchemaService

        return SchemaService(self.orchestration, partial(self.backups.gate, "orchestration"))

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
    def pool_acts(self) -> PoolActs:
        """What can be done to sessions on the servers."""
        from backends.pools.acts import PoolActs

        return PoolActs(self.mongo, (self.orchestration, self.chunks), self.gate)

    @cached_property
    def drafting(self) -> DraftingService:
        """The drafting partner."""
        from backends.drafting.options import drafting_options
        from backends.drafting.service import DraftingService

        options = drafting_options(self.settings.environment)
        own = self.settings.own.state / "drafting"
        folder = self.settings.own.state / options.folder if options.folder else own
        return DraftingService(folder, self.model, options, calls=own)

    async def evidence(self) -> tuple[Evidence, ...]:
        """What the other systems show now, for incident drafts."""
        from console.evidence import collect

        return await collect(self)

    @cached_property
    def overview(self) -> OverviewService:
        """Every system's state."""
        from console.alerting import overview

        return overview(self)

    @cached_property
    def alerts(self) -> AlertsService:
        """Every rule. Raises ConfigurationInvalid where alerts.toml is malformed."""
        from console.alerting import alerts

        return alerts(self)

    def _servers(self) -> Servers:
        from backends.config.reality import Servers

        return Servers(
            self.mongo,
            self.orchestration,
            self.chunks,
            self.model,
            self.http,
            self.settings.own.state,
            self._sync_watch,
        )
