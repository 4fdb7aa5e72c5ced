"""Runs that only read: recorded in the state folder, without consent, with a permission that opens nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.runs.folder_store import FolderRunStore
from backends.runs.model import Checkpoint, Control, Halt, Holder, NewRun, Progress, RunState, Unit, Want
from backends.runs.store import Fence, LeaseLost, RunKey, TryAgain, Worker
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate, Token
from tests.olorin import Clock, platform_on

ME = Holder("ops", "db1", "192.0.2.7", 4711, "start-1")
UNASKED = Consent("screen", explicit=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FolderRunStore:
    return FolderRunStore(tmp_path, now=clock)


@asynccontextmanager
async def reading(store: FolderRunStore, state: Path) -> AsyncIterator[Token]:
    """The permission for a run of the store, in production, unarmed, and asked for by nobody."""
    gate = Gate(AuditTrail(state), this_author("prod", "production", "olorin"), Arming(), production=True)
    async with gate.act(Act("toy", store.where, reads=store.reads), UNASKED) as token:
        yield token


async def claimed(store: FolderRunStore, worker: Worker, run_id: str, holder: Holder = ME) -> Fence:
    run = await store.run(run_id)
    assert run is not None
    fence = await worker.claim(run, holder, await store.lease(run.scope))
    assert fence is not None
    return fence


async def test_runs_are_recorded_and_paged_newest_first(store: FolderRunStore, tmp_path: Path, clock: Clock) -> None:
    assert (await store.page(5), await store.run("r-0"), await store.lease("x")) == ((), None, None)
    async with reading(store, tmp_path) as token:
        for number in range(3):
            await store.create(token, NewRun(f"r-{number}", "toy", store.where, scope=f"r-{number}"), "ops", "1.0")
            clock.pass_(seconds=1)
        async with store.worker(token) as worker:
            fence = await claimed(store, worker, "r-0")
            await worker.enter(fence, RunState.RUNNING, "ops", "started")
    first = await store.page(2)
    assert [run.id for run in first] == ["r-2", "r-1"]
    assert first[-1].created_at is not None
    (last,) = await store.page(2, RunKey(first[-1].created_at, "r-1"))
    assert (last.id, last.state, last.holder) == ("r-0", "running", "ops@db1 pid 4711 from 192.0.2.7")
    known = await store.run("r-0")
    assert known is not None
    assert [each.state for each in known.history] == ["planned", "running"]


async def test_a_batch_is_saved_with_its_checkpoint_and_orders_are_heard(store: FolderRunStore, tmp_path: Path) -> None:
    async with reading(store, tmp_path) as token:
        await store.create(token, NewRun("r", "toy", store.where), "ops", "1.0")
        async with store.worker(token) as worker:
            fence = await claimed(store, worker, "r")
            async with worker.work(fence, Checkpoint()) as work:
                work.save({"at": [1, "two"]}, Progress((Unit("a", 4, 2),)))
            checkpoint, progress = await worker.resumed(fence)
            assert (checkpoint.number, checkpoint.body, progress.units[0].done) == (1, {"at": [1, "two"]}, 2)
            with pytest.raises(TryAgain):
                async with worker.work(fence, Checkpoint()) as work:
                    work.save({}, Progress())
            known = await store.run("r")
            assert known is not None
            await store.control(token, "r", {"pace": 2.5})
            await store.control(token, "r", {"want": Want.PAUSE, "who": "eve"})
            await store.control(token, "r", {"want": Want.STOP, "who": "eve"})
            await store.control(token, "r", {"want": Want.GO}, Control())
            assert (await worker.orders(known)).control.pace == 2.5
            assert (await worker.orders(known)).control.want is Want.STOP
            await store.halt(token, Halt("toy", "eve", "incident", None))
            halt = (await worker.orders(known)).halt
            assert halt is not None
            assert ((halt.kind, halt.why), [each.kind for each in await store.halts()]) == (
                ("toy", "incident"),
                ["toy"],
            )
            assert [await store.lift(token, "toy"), await store.lift(token, "toy")] == [True, False]
            assert (await worker.orders(known)).halt is None


async def test_one_whose_lease_was_taken_writes_no_more(store: FolderRunStore, tmp_path: Path) -> None:
    async with reading(store, tmp_path) as token:
        await store.create(token, NewRun("r", "toy", store.where), "ops", "1.0")
        async with store.worker(token) as worker:
            first = await claimed(store, worker, "r")
            assert await worker.beat(first)
            await claimed(store, worker, "r", replace(ME, host="db2"))
            assert not await worker.beat(first)
            with pytest.raises(LeaseLost):
                await worker.note(first, Progress())


async def test_its_permission_opens_no_session_that_writes(
    store: FolderRunStore, tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    with platform_on(mongo_url, mongo_database) as platform:
        mongo: MongoClients = platform.clients()
        async with reading(store, tmp_path) as token:
            with pytest.raises(Refused):
                async with mongo.writing(token, Role.OLORIN):
                    pass
        await mongo.aclose()
