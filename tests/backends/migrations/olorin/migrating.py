"""Runs of the separation in a test: executed in this process, and looked at behind their back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.backup.bson_files import documents
from backends.backup.service import TAKE, BackupsService
from backends.clients.mongo import MongoClients
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.model import BuiltIndex
from backends.migrations.olorin.service import SeparationService
from backends.runs.drive import Limited
from backends.runs.job import Job
from backends.runs.model import Progress, Run
from backends.runs.mongo_store import MongoRunStore
from backends.runs.runner import Runner, Verdict
from backends.runs.store import Timing
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from tests.backends.migrations.olorin.conftest import service_of
from tests.olorin import Platform

FLAG = Consent("command", explicit=True)
AUTHOR = this_author("demo", "development", "olorin test")
QUICK = Timing(heartbeat_s=0.2, expiry_s=2.0, idle_s=1.0)


class Quiet:
    """Remembers the states."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.batches = 0

    def state(self, state: str, why: str) -> None:
        self.states.append(state)

    def progress(self, progress: Progress) -> None:
        self.batches += 1

    def say(self, text: str) -> None:
        pass


@dataclass
class Bench:
    """A platform, and a console that migrates it."""

    platform: Platform
    mongo: MongoClients
    state: Path
    more: dict[str, str] = field(default_factory=dict)

    def service(self, flag: bool | None = False) -> SeparationService:
        """The service, with the flag as given."""
        return service_of(self.platform, self.mongo, self.state, flag, **self.more)

    @property
    def gate(self) -> Gate:
        """A gate that lets commands through."""
        return Gate(AuditTrail(self.state), AUTHOR, Arming(), production=False)

    @property
    def store(self) -> MongoRunStore:
        """The target's runs."""
        return MongoRunStore(self.mongo, self.service().places.target, QUICK)

    def runner(self, service: SeparationService, watcher: Quiet | None = None) -> Runner:
        """What executes."""

        def job(run: Run) -> Job:
            return service.job(run)

        return Runner(self.store, job, self.gate, AUTHOR, "1.0", watcher or Quiet(), QUICK)

    async def execute(self, plan: str = "", flag: bool | None = False, max_s: float | None = None) -> Verdict:
        """As `--execute` does."""
        service = self.service(flag)
        runner = self.runner(service)
        run_id = await service.run_to_execute(runner, self.store, FLAG, plan)
        return await runner.execute(run_id, FLAG, limited=Limited(max_s))

    async def roll_back(self, folder: Path | None = None, *, flag: bool | None = False) -> Verdict:
        """As `--rollback` does."""
        service = self.service(flag)
        store = MongoRunStore(self.mongo, service.places.source, QUICK)
        runner = Runner(store, service.job, self.gate, AUTHOR, "1.0", Quiet(), QUICK)
        run_id = await service.run_to_roll_back(runner, store, FLAG, folder)
        return await runner.execute(run_id, FLAG)

    async def clean_up(self, run_id: str, *, dropping: bool = False, flag: bool = True) -> int:
        """As `--cleanup --confirm` does."""
        service = self.service(flag)
        act = service.cleanup_act(run_id, dropping=dropping)
        async with self.gate.act(act, FLAG, lifetime_s=None) as token:
            return await (service.drop(token, run_id) if dropping else service.clean_up(token, run_id))

    async def back_up(self) -> None:
        """As `olorin backup main` does."""
        backups = BackupsService(self.mongo, {}, self.state)
        async with self.gate.act(backups.act(TAKE, "main"), FLAG, lifetime_s=None) as token:
            assert (await backups.take(token, "main")).proven

    async def build_indexes(self) -> tuple[BuiltIndex, ...]:
        """As `--verify --build-indexes` does."""
        service = self.service()
        async with self.gate.act(service.indexes_act(), FLAG, lifetime_s=None) as token:
            return await service.build_declared(token)

    def held(self, side: Any, name: str) -> Counter[bytes]:
        """A collection's documents, byte for byte, each as often as it is there."""
        found: Any = side[name].find_raw_batches()
        return Counter(bytes(document) for batch in found for document in documents(batch))

    def check_same(self) -> None:
        """Both sides hold the same documents in each of the seven collections."""
        for name in OLORIN_COLLECTIONS:
            mine, other = self.held(self.platform.bayit, name), self.held(self.platform.olorin, name)
            assert mine - other == Counter(), f"{name}: {len(mine - other)} missing or otherwise"
            assert other - mine == Counter(), f"{name}: {len(other - mine)} extra or otherwise"


def writes(platform: Platform) -> dict[str, int]:
    """What the server counts of writes."""
    counters = platform.bayit.client.admin.command("serverStatus")["opcounters"]
    return {name: counters[name] for name in ("insert", "update", "delete")}
