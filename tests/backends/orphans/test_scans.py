"""Scans as runs: ended within a reference, gone on with, halted, shared by consoles, kept to their databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from backends.clients.errors import BackendError, Refused, StoppedByPerson, StoppedByTime
from backends.clients.mongo import MongoClients
from backends.clients.targets import mongo_targets
from backends.orphans import scan_job, scans
from backends.orphans.graph import Reference
from backends.orphans.model import ReferenceScan
from backends.orphans.passes import Pass
from backends.orphans.scan import Progress
from backends.orphans.scan_job import scan_run
from backends.orphans.service import OrphansService
from backends.runs.drive import Limited
from backends.runs.folder_store import FolderRunStore
from backends.runs.runner import Verdict
from backends.runs.service import RunsService
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.gate import Consent, Gate
from console.jobs import READING
from tests.olorin import IMPATIENT, Clock, Platform
from tests.scanning import ASKED, AUTHOR, QUICK, nobody, scan_desk, scan_now, scanning_runner

SECOND = "recap_sessions.channel_id"
UNASKED = Consent("screen", explicit=False)


@pytest.fixture
def scanned(platform: Platform, service: OrphansService, monkeypatch: pytest.MonkeyPatch) -> OrphansService:
    """Three embeddings of a content that is gone; the scan tells every list that it reads."""
    platform.bayit.content.insert_one({"_id": ObjectId()})
    platform.bayit.live_channels.insert_one({"_id": ObjectId()})
    platform.olorin.content_embeddings.insert_many([{"content_id": str(ObjectId())} for _ in range(3)])
    platform.olorin.recap_sessions.insert_many([{"channel_id": str(ObjectId())} for _ in range(2)])
    monkeypatch.setattr(scan_job, "TELL_S", 0.0)
    return service


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The second reference never ends, as one of a hundred million documents; calling this lets it end."""
    judging, ends = Pass.judge, asyncio.Event()

    async def judge(self: Pass, reference: Reference, tell: Progress) -> ReferenceScan:
        if reference.name == SECOND:
            for number in count(1):
                if ends.is_set():
                    break
                await tell(reference, number)
                await asyncio.sleep(0)
        return await judging(self, reference, tell)

    monkeypatch.setattr(Pass, "judge", judge)
    return ends.set


class Bench:
    """A run that scans, and orders to it."""

    def __init__(self, service: OrphansService, folder: Path) -> None:
        self.service, self.store = service, FolderRunStore(folder, QUICK)
        self.runner = scanning_runner(service, folder)
        self.runs = RunsService([self.store], AUTHOR, folder, nobody, QUICK, READING)
        self.gate = Gate(AuditTrail(folder), AUTHOR, Arming(), production=True)
        self.id = ""

    async def create(self) -> str:
        run = scan_run(self.store.where, self.service)
        self.id = (await self.runner.create(run, run.kind, UNASKED)).id
        return self.id

    async def execute(self, **limits: Any) -> Verdict:
        return await self.runner.execute(self.id, UNASKED, limited=Limited(**limits))

    async def reads_second(self) -> None:
        """Returns when the record says that the second reference is being read."""
        run = await self.runs.run(self.id)
        while not any(unit.name == SECOND and unit.done for unit in run.progress.units):
            await asyncio.sleep(0.01)
            run = await self.runs.run(self.id)

    async def stop(self) -> None:
        async with self.gate.act(await self.runs.order_act("stop", self.id), UNASKED) as token:
            await self.runs.stop(token, self.id, "incident")

    async def halt(self, verb: str) -> None:
        async with self.gate.act(await self.runs.halt_act(verb, "orphans.scan"), UNASKED) as token:
            await (self.runs.halt(token, "orphans.scan", "incident") if verb == "halt" else
                   self.runs.lift(token, "orphans.scan"))  # fmt: skip


@pytest.fixture
async def bench(scanned: OrphansService, tmp_path: Path) -> Bench:
    return Bench(scanned, tmp_path)


@pytest.mark.parametrize("how", ["stop", "halt"])
async def test_an_order_ends_it_within_a_reference_and_it_goes_on(
    bench: Bench, endless: Callable[[], None], how: str
) -> None:
    """In production, unarmed: it only reads. What was told of the reference cut short is not counted twice."""
    await bench.create()
    working = asyncio.create_task(bench.execute())
    await bench.reads_second()
    await (bench.stop() if how == "stop" else bench.halt("halt"))
    ended = await asyncio.wait_for(working, 15)
    assert (ended.state, isinstance(ended.error, StoppedByPerson)) == ("stopped", True)
    assert "incident" in ended.why
    if how == "halt":
        with pytest.raises(Refused, match="scan is halted"):
            await bench.execute()
        with pytest.raises(Refused, match="scan is halted"):
            await bench.create()
        assert [each.kind for each in (await bench.runs.page()).halts] == ["orphans.scan"]
        await bench.halt("lift")
    endless()
    done = await bench.execute()
    assert (done.state, done.counts["references"], done.counts["orphans"]) == ("done", 7, 5)
    units = {unit.name: (unit.done, unit.total) for unit in (await bench.runs.run(bench.id)).progress.units}
    assert units[SECOND] == (2, 2)


async def test_the_time_limit_ends_it_within_a_reference(bench: Bench, endless: Callable[[], None]) -> None:
    await bench.create()
    ended = await bench.execute(max_s=0.3)
    assert (ended.state, type(ended.error)) == ("stopped", StoppedByTime)
    assert await bench.service.latest() is None


async def test_it_is_not_gone_on_with_where_other_databases_are_configured(
    bench: Bench, platform: Platform, tmp_path: Path
) -> None:
    run_id = await bench.create()
    mongo: MongoClients = platform.clients(OLORIN_MONGODB_DB_NAME="elsewhere")
    for service in (OrphansService(mongo, tmp_path), OrphansService(bench.service._mongo, tmp_path, "contents")):
        ended = await scanning_runner(service, tmp_path).execute(run_id, ASKED)
        assert (ended.state, type(ended.error)) == ("blocked", Refused)
    assert (await bench.execute()).state == "done"
    await mongo.aclose()


async def test_the_desk_shows_what_is_under_way_and_starts_no_second_one(
    bench: Bench, endless: Callable[[], None], tmp_path: Path
) -> None:
    """Whoever executes it; and whoever needs a fresh scan waits for that one."""
    desk = scan_desk(bench.service, tmp_path)
    assert await desk.look() == scans.Scans(None)
    run_id = await bench.create()
    working = asyncio.create_task(bench.execute())
    await bench.reads_second()
    found = await desk.look()
    assert found.under_way is not None
    assert (found.under_way.id, found.newest) == (run_id, None)
    assert await desk.start(UNASKED) == run_id
    waiting = asyncio.create_task(desk.fresh(UNASKED))
    endless()
    assert ((await waiting).orphans, (await working).state) == (5, "done")
    assert len((await bench.runs.page()).runs) == 1


async def test_a_fresh_scan_is_taken_and_an_old_one_made_anew(
    scanned: OrphansService, clock: Clock, tmp_path: Path
) -> None:
    desk = scan_desk(scanned, tmp_path)
    made = await scan_now(scanned)
    clock.pass_(seconds=scans.FRESH.total_seconds() - 1)
    assert await desk.fresh(UNASKED) == made
    clock.pass_(seconds=1)
    assert not (await desk.look()).is_fresh(clock())
    run_id = await desk.start(UNASKED)
    under_way = (await desk.look()).under_way
    assert under_way is not None
    assert under_way.id == run_id


async def test_a_scan_that_does_not_come_up_or_ends_early_is_told(
    scanned: OrphansService, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded by the machine's clock; the service's stands still."""
    monkeypatch.setattr(scans, "STARTING", timedelta(days=-10_000))
    with pytest.raises(Refused, match="did not come up"):
        await scan_desk(scanned, tmp_path).fresh(UNASKED)
    bench = Bench(scanned, tmp_path)
    await bench.create()
    await bench.execute(max_s=0)
    found = await scan_desk(scanned, tmp_path).look()
    assert found.ended is not None
    assert (found.ended.id, found.ended.state) == (bench.id, "stopped")


async def test_nothing_is_started_while_nobody_answers(tmp_path: Path) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://127.0.0.1:9/"}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    with pytest.raises(BackendError):
        await scan_desk(service, tmp_path).start(UNASKED)
    assert await FolderRunStore(tmp_path).page(1) == ()
    await mongo.aclose()
