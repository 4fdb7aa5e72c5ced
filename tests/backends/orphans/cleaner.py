"""Cleaning up and restoring over a platform, as the commands do it, and a look at what is where behind their backs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from backends.backup.model import BackupVerdict, Light
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.clean_job import CleanJob
from backends.orphans.clean_model import CleanOptions, CleanPlan
from backends.orphans.cleaning import CleaningService
from backends.orphans.raw import raw_options
from backends.orphans.restore_job import RestoreJob
from backends.orphans.service import OrphansService
from backends.orphans.vectors import Vectors
from backends.runs.drive import Limited
from backends.runs.job import Job
from backends.runs.model import NewRun, Progress, Run
from backends.runs.mongo_store import MongoRunStore
from backends.runs.runner import Runner, Verdict
from backends.runs.store import Timing
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from tests.olorin import Clock, Platform
from tests.scanning import scan_now

FLAG = Consent("command", explicit=True)
_NUMBERS = count()
QUICK = Timing(heartbeat_s=0.2, expiry_s=1.5)


@dataclass
class Quiet:
    """Hears how a run goes on."""

    said: list[str] = field(default_factory=list)

    def state(self, state: str, why: str) -> None:
        self.said.append(state)

    def progress(self, progress: Progress) -> None:
        """Nobody looks."""

    def say(self, text: str) -> None:
        self.said.append(text)


class Cleaner:
    """The services on a platform."""

    def __init__(
        self, platform: Platform, mongo: MongoClients, state: Path, clock: Clock, *, separated: bool = True
    ) -> None:
        self.platform, self.mongo, self.clock, self.separated = platform, mongo, clock, separated
        self.orphans = OrphansService(mongo, state, now=clock)
        self.backup = BackupVerdict(Light.RED, "There is no backup of olorin.", "Run: olorin backup olorin")
        self.cleaning = CleaningService(mongo, self.orphans, state, self.backed_up, separated=separated, now=clock)
        self.author = this_author("demo", "development", "olorin test")
        self.gate = Gate(AuditTrail(state), self.author, Arming(), production=False)
        self.store = MongoRunStore(mongo, mongo.target(Role.OLORIN), QUICK)
        self.vectors: Vectors | None = None
        self.heard = Quiet()

    def job(self, run: Run) -> Job:
        if run.kind == "orphans.restore":
            return RestoreJob(run, self.mongo, self.orphans.graph)
        folder = self.cleaning.folder
        more = {"separated": self.separated, "vectors": self.vectors, "backup": self.backed_up, "now": self.clock}
        return CleanJob(run, self.mongo, self.orphans.graph, folder, **more)  # type: ignore[arg-type]

    async def backed_up(self, undoable: bool) -> BackupVerdict:
        assert not undoable
        return self.backup

    @property
    def runner(self) -> Runner:
        return Runner(self.store, self.job, self.gate, self.author, "1.0", self.heard, QUICK)

    async def plan(self, *, confirmed_percent: int | None = None, **options: Any) -> CleanPlan:
        options = {"grace_days": 0, **options}
        found = await scan_now(self.orphans)
        return await self.cleaning.dry_run(CleanOptions(**options), found, confirmed_percent=confirmed_percent)

    async def create(self, run: NewRun) -> str:
        return (await self.runner.create(run, run.kind, FLAG)).id

    async def execute(self, run_id: str, **limits: Any) -> Verdict:
        return await self.runner.execute(run_id, FLAG, wait_s=5, limited=Limited(**limits))

    async def clean(self, plan: CleanPlan | None = None, **options: Any) -> Verdict:
        run = self.cleaning.clean_run(plan or await self.plan(**options))
        return await self.execute(await self.create(run))

    async def restore(self, run_id: str, **which: str) -> Verdict:
        return await self.execute(await self.create(await self.cleaning.restore_run(run_id, **which)))

    # Behind their backs

    def raw(self, name: str) -> dict[str, bytes]:
        """The documents of a collection of the Olorin database, as bytes, by their ids."""
        found: Any = self.platform.olorin.get_collection(name, codec_options=raw_options()).find()
        return {str(each["_id"]): each.raw for each in found}

    def quarantined(self, run_id: str, name: str) -> dict[str, bytes]:
        return self.raw(f"console_quarantine_{run_id}.{name}")

    def about(self, run_id: str) -> list[Mapping[str, Any]]:
        return list(self.platform.olorin[f"console_quarantine_{run_id}"].find())


def aged(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The documents with ids that say that they were made in 2020, one after the other: past any grace."""
    return [{"_id": ObjectId(f"5e0be100{next(_NUMBERS):016x}"), **each} for each in documents]


def plant(
    platform: Platform, *, alive: int = 20, gone: int = 10, children: int = 3, **more: Any
) -> tuple[list[ObjectId], list[ObjectId]]:
    """Contents with embeddings, and embeddings of contents that are gone; returns the ids of both."""
    there, missing = ([ObjectId() for _ in range(number)] for number in (alive, gone))
    platform.bayit.content.insert_many([{"_id": each, "title": f"t {each}"} for each in there])
    documents = [
        {"content_id": str(each), "embedding_type": "title", "segment_index": index, **more}
        | {"pinecone_vector_id": f"{each}-{index}"}
        for each in (*there, *missing)
        for index in range(children)
    ]
    platform.olorin.content_embeddings.insert_many(aged(documents))
    platform.olorin.content_embeddings.create_index("content_id")
    return there, missing


def insert_raw(platform: Platform, name: str, documents: Sequence[bytes]) -> None:
    """Documents that no driver's encoder would make."""
    platform.olorin[name].insert_many([RawBSONDocument(each) for each in documents])
