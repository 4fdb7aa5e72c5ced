"""A re-partitioning for screens: one of each stage, and a service that always answers with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from backends.clients.errors import NotConfigured
from backends.clients.postgres import PostgresClient
from backends.migrations.model import Partition
from backends.migrations.repartition.board import errors_gate, inserts_gate
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.changes import RepartitionChanges
from backends.migrations.repartition.errors import Errors, Since
from backends.migrations.repartition.filling import Filling, Flow
from backends.migrations.repartition.gates import WRITERS, Gate, Probe, Status
from backends.migrations.repartition.inserts import gain
from backends.migrations.repartition.proof import Comparison
from backends.migrations.repartition.service import Preflight, RepartitionService
from backends.migrations.repartition.standing import Kept, Progress, Proven, Standing
from backends.migrations.repartition.watching import Counters
from backends.runs.model import Progress as RunProgress
from backends.runs.model import Run, Unit
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.gate import Gate as SafetyGate
from backends.safety.plans import Plan
from backends.safety.proofs import Proof
from screens.chunks import ChunksScreen
from screens.frame import Frame
from tests.backends.backup.proven import proven as backup
from tests.fixed_runs import NOBODY, FixedRuns
from tests.stage import NOW

WHERE = "postgresql://ops:••••@db2:5432/semantik"
RUN = Run(
    "chunks-20260120_020405",
    "chunks",
    "running",
    where=WHERE,
    options={"rows": 1_000_000, "layout": "hash", "collections": 6_000},
    since=NOW - timedelta(minutes=40),
    progress=RunProgress(
        (
            Unit("chunks_part_00", 400_000, 400_000, 0, 0, None),
            Unit("chunks_part_01", 600_000, 212_000, 0, 0, 18_400.0),
        ),
        slow=15_000.0,
        fast=21_000.0,
        batch=10_000,
        not_measured=("cpu", "memory"),
        measured={"errors": 0.1, "lock wait": 6.2, "deadlocks": 0.0, "skew": 1.1},
        warnings=("lock wait 6.2 s above 5 s: pid 7 api, idle in transaction; → pid 9 job, waits 6 s",),
    ),
    holder="eva@ops1 pid 4711",
    silent_s=1.5,
)
FILLING = Filling(
    tuple(Partition(f"chunks_20260120_020405_{n:02}", n, 1_000 + (n * 3_701) % 9_000, 1 << 20) for n in range(100)),
    10_000.0,
)
KEPT = (
    Kept("chunks_next", 312_000_000, NOW - timedelta(minutes=40), "table with its partitions"),
    Kept("console_chunks_changes", 81_920, NOW - timedelta(minutes=40)),
    Kept("console_chunks", 32_768, NOW - timedelta(days=3)),
    Kept("chunks_undone_20260117_110000", 16_384, NOW - timedelta(days=3), "table with its partitions"),
    Kept("console_chunks_changes on chunks", 0, NOW - timedelta(minutes=40), "trigger"),
    Kept("console_chunks_changes_note()", 0, NOW - timedelta(minutes=40), "function"),
)


def standing(stage: Stage | None, backlog: int = 312) -> Standing:
    run_id = RUN.id if stage else None
    writers = WRITERS if stage else ""
    kept = KEPT if stage else ()
    return Standing(stage.value if stage else None, run_id, None, backlog, kept, now=NOW, writers=writers)


NEVER = Progress(standing(None, 0), Flow(0))
COPYING = Progress(standing(Stage.BUILDING), Flow(312, 481.0, 410.0), RUN, FILLING)
READY = Progress(
    replace(standing(Stage.READY, 41), inserts=gain(402, 341)),
    Flow(41, 12.0, 0.0),
    replace(RUN, state="holding", holder=None, progress=RunProgress((Unit("chunks_part_00", 1_000_000, 1_000_000),))),
    FILLING,
)
FAILED = replace(
    COPYING,
    flow=Flow(90_312),
    run=replace(RUN, state="failed", holder=None, why="2 rows could not be copied: id 812: value too long for column"),
)
SWAPPED = Progress(
    replace(
        standing(Stage.SWAPPED, 1_204),
        swapped_at=NOW - timedelta(hours=2),
        retention_until=NOW + timedelta(hours=22),
        rows=1_000_000,
        lock_ms=118.0,
        inserts=gain(402, 341),
    ),
    Flow(1_204, 12.0, 0.0),
    replace(RUN, state="done", holder=None),
    FILLING,
)
VERIFIED = Proof("chunks.verify", WHERE, NOW - timedelta(minutes=9), True, {"said": Comparison(10, 10, 0, 1).said})
REHEARSED = Proof(
    "chunks.rehearsal",
    WHERE,
    NOW - timedelta(hours=5),
    True,
    {"said": "20,000 rows: execute 4.1 s, swap 0.9 s, rollback 1.2 s; lock held 31 ms; every row came back the same"},
)
BOARD = (
    Gate("readable", Status.OK, "All 100 partitions answer; 100 of them hold rows."),
    Gate("writable", Status.WARNING, "Not tried yet: --verify --probe writes to each and rolls back."),
    Gate("constraints", Status.OK, "Every check and foreign key is validated."),
    errors_gate(Errors(Counters(9, 9, 0), {"semantik-worker": 3}), Since(20_000, 900, 2, 4.1)),
    Gate("revisions", Status.OK, "No revision is pending."),
    inserts_gate(gain(402, 341)),
    Gate("backup", Status.OK, "chunks_backup_20260120_020405 is kept until 2026-01-21 01:04 UTC."),
)
BEFORE = Proven((), None, REHEARSED)
AFTER = Proven(BOARD, VERIFIED, REHEARSED)
PREFLIGHT = Preflight(
    "LIST 100",
    "HASH 100",
    1_000_000,
    (
        Gate("writers", Status.WARNING, WRITERS),
        Gate("key-trigger", Status.WARNING, "set_key can't move a row; --probe tells whether inserts work."),
        Gate("skew", Status.OK, "skew 1.31, by chance 1.18; the gate is 1.5."),
        Gate("version", Status.OK, "PostgreSQL 15.18; 12 or newer is needed."),
    ),
    (),
    {},
    {},
    "abs",
    "0" * 64,
)
RED = replace(PREFLIGHT, gates=(*PREFLIGHT.gates, Gate("nulls", Status.RED, "3 rows have no id or no collection.")))


class FixedRepartition(RepartitionService):
    """Always the same answers, whoever asks."""

    def __init__(self, progress: Progress, proven: Proven, preflight: Preflight = PREFLIGHT) -> None:
        super().__init__(PostgresClient(NotConfigured("nowhere")), Path("/nowhere"), backup)
        self.now, self.proofs, self.dry = progress, proven, preflight

    @property
    def where(self) -> str:
        return WHERE

    async def progress(self) -> Progress:
        return self.now

    async def proven(self) -> Proven:
        return self.proofs

    async def preflight(self, layout: str, tried: Probe | None = None) -> Preflight:
        return self.dry

    async def plan(self, layout: str, found: Preflight) -> Plan:
        return Plan("5a1f0c2d4e5b6a77", "chunks", WHERE, NOW, NOW + timedelta(minutes=15), {})


class Untouched:
    """Stands where a run would be started: a picture must never come so far."""

    def __call__(self, *_: Sequence[object]) -> object:
        raise AssertionError("a picture starts nothing")


def chunks_page(folder: Path, service: RepartitionService) -> Callable[[Frame], ChunksScreen]:
    """What makes the page."""
    gate = SafetyGate(AuditTrail(folder), NOBODY, Arming(), production=False)
    nobody = Untouched()
    changes = RepartitionChanges(service, nobody, nobody, gate, nobody)  # type: ignore[arg-type]

    def made(frame: Frame) -> ChunksScreen:
        return ChunksScreen(frame, service, lambda: changes, FixedRuns(runs=(RUN,)))

    return made
