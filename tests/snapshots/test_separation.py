"""The separation's page at both sizes: before it began, ready to switch, after the switch; its plan; what differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.backup.model import BackupVerdict
from backends.backup.model import Light as BackupLight
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.board import board
from backends.migrations.olorin.desk import SeparationDesk
from backends.migrations.olorin.gates import models_gate
from backends.migrations.olorin.model import (
    CollectionPlan,
    CollectionProof,
    Difference,
    DryRun,
    FieldDifference,
    GateState,
    IndexDifference,
    LeftOut,
    Light,
    Process,
    Rejected,
    Seen,
    SinceSwitch,
)
from backends.migrations.olorin.standing import CollectionStanding, Standing
from backends.runs.model import Progress, Run, Unit
from backends.safety.proofs import Proof
from screens.separation import SeparationScreen
from tests.fixed_runs import FixedRuns
from tests.stage import NOW, StagedApp, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]

SOURCE, TARGET = (f"mongodb://ops:••••@db1,db2 database {name}" for name in ("bayit_plus", "olorin_platform"))
UNITS = tuple(
    Unit(name, 1000 * n, 1000 * n - 7 * (n == 5), 7 * (n == 5), 10, 812.0)
    for n, name in enumerate(OLORIN_COLLECTIONS, 1)
)
HOLDING = Run(
    "sep-20260120-1", "separation", "holding", progress=Progress(UNITS, counts={"lag_ms": 41}), since=NOW,
    holder="ops@db1 pid 4711",
)  # fmt: skip
OLD_BACKUP = BackupVerdict(BackupLight.WARNING, "There is no backup of main.", "Run: olorin backup main")
DIFFERENCES = (
    Difference("missing", '{"$oid": "65f0c0ffee65f0c0ffee0001"}'),
    Difference("different", '"[@click=app.quit]x[/]"'),
    Difference("extra", '{"$numberInt": "7"}'),
)
REFUSALS = (Rejected(OLORIN_COLLECTIONS[1], '{"$oid": "65f0c0ffee65f0c0ffee0007"}', "Document failed validation"),)


def proof_of(number: int, name: str, since: SinceSwitch | None = None) -> CollectionProof:
    if number != 2 or since is not None:
        return CollectionProof(name, 1000 * number, 1000 * number, 0, 0, 0, since=since)
    wrong = (IndexDifference("capability · sparse", "different"),)
    return CollectionProof(
        name, 2000, 2000, 1, 1, 1, wrong, ("partner_id, granularity, period_start desc",), DIFFERENCES
    )


def standing(run: Run | None, proof: Proof | None, *, flag: bool, since: SinceSwitch | None = None) -> Standing:
    """The page's data, judged by the real board."""
    units = {unit.name: unit for unit in run.progress.units} if run is not None else {}
    collections = tuple(
        CollectionStanding(name, units.get(name), proof_of(n, name, since) if proof is not None else None)
        for n, name in enumerate(OLORIN_COLLECTIONS, 1)
    )
    seen = Seen(NOW - timedelta(days=16), NOW - timedelta(minutes=25) if flag else None)
    processes = (Process("bayit-api", True, new=NOW), Process("olorin-worker", True, old=NOW, at_old="usage_records"))
    found = board(run, (proof, None), OLD_BACKUP, seen, flag, NOW, processes if flag else ())
    at = proof.made_at if proof is not None else None
    left_out = LeftOut(7, REFUSALS) if at is not None and since is None else LeftOut()
    return Standing(SOURCE, TARGET, run, found, collections, at, left_out)


def kept(passed: bool, since: SinceSwitch | None = None) -> Proof:
    said = {"gained": 12, "changed": 3, "deleted": 1} if since is not None else None
    return Proof("separation", TARGET, NOW - timedelta(hours=2), passed, {"collections": [{"since": said}]})


BEGINNING = standing(None, None, flag=False)
FAILED = standing(HOLDING, kept(False), flag=False)
SWITCHED = standing(HOLDING, kept(True, SinceSwitch(12, 3, 1)), flag=True, since=SinceSwitch(12, 3, 1))
DRY_RUN = DryRun(
    "5a1f0c2d4e5b6a77885a1f0c2d4e5b6a",
    SOURCE,
    TARGET,
    (
        GateState("different", Light.OK, "source and target are two databases"),
        GateState("writable", Light.RED, "the target's user may not: createIndex"),
        GateState("disk", Light.NO_DATA, "the server does not tell how much disk is free"),
        models_gate(2),
    ),
    tuple(
        CollectionPlan(name, 1000 * n, n, 990 * n, n, 1_000_000 * n, ("partner_id",) * n, n)
        for n, name in enumerate(OLORIN_COLLECTIONS, 1)
    ),
    (12.0, 61.0),
    2,
    (
        Rejected(
            "recap_sessions",
            '{"$oid": "65f0c0ffee65f0c0ffee0001"}',
            "transcript_segments must be a list of at most 5,000",
        ),
        Rejected("usage_records", '"u-1"', "capability is missing"),
    ),
)
FIELDS = (
    FieldDifference("request_count", '{"$numberInt": "7"}', '{"$numberDouble": "7.0"}'),
    FieldDifference("deep.list.1.name", '"[red]שלום[/]"', None),
)


class FixedDesk(SeparationDesk):
    """Always the same answers."""

    def __init__(self, found: Standing) -> None:
        self.found = found

    async def standing(self) -> Standing:
        return self.found

    async def dry_run(self) -> DryRun:
        return DRY_RUN

    async def difference(self, collection: str, id_json: str) -> tuple[FieldDifference, ...]:
        return FIELDS


def page(folder: Path, found: Standing, kind: str = "staging") -> StagedApp:
    return staged(folder, "3", lambda frame: SeparationScreen(frame, FixedDesk(found), FixedRuns()), kind)


def after(*keys: str, until: str = "") -> Callable[[Pilot[Any]], Any]:
    async def run_before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "sep-20260120-1" if "never" not in until else until)
        for key in keys:
            await pilot.press(key)
        if until:
            await shown(pilot, until)

    return run_before


@SIZES
def test_before_it_began(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    assert snap_compare(page(tmp_path, BEGINNING), terminal_size=size, run_before=after(until="never executed"))


@SIZES
def test_ready_to_switch_with_a_failed_verification(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    run_before = after("down", until="declared and not there")
    assert snap_compare(page(tmp_path, FAILED), terminal_size=size, run_before=run_before)


@SIZES
def test_switched_in_production(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    run_before = after("tab", "tab", until="fits now")
    assert snap_compare(page(tmp_path, SWITCHED, "production"), terminal_size=size, run_before=run_before)


@SIZES
def test_the_plan(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    run_before = after("d", until="2 documents, 2 listed")
    assert snap_compare(page(tmp_path, FAILED), terminal_size=size, run_before=run_before)


@SIZES
def test_what_differs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    run_before = after("down", "enter", until="1 missing, 1 extra, 1 different")
    assert snap_compare(page(tmp_path, FAILED), terminal_size=size, run_before=run_before)


@SIZES
def test_field_by_field(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    run_before = after("down", "enter", "enter", until="request_count")
    assert snap_compare(page(tmp_path, FAILED), terminal_size=size, run_before=run_before)
