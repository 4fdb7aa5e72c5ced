"""Both stores: runs recorded, listed and paged, orders left, leases taken over, fences that hold, spoilt records."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import MongoClient

from backends.clients.errors import CannotConnect, NotThere, Refused
from backends.clients.targets import Role
from backends.runs.model import Checkpoint, Control, Halt, Holder, NewRun, Progress, RunState, Unit, Want
from backends.runs.store import Fence, LeaseLost, RunKey, TryAgain, Worker
from tests.backends.runs.conftest import Place, other_place

ME = Holder("ops", "db1", "192.0.2.7", 4711, "start-1")
OTHER = replace(ME, host="db2")
RUN = NewRun("r-1", "toy", "toys", plan="abc", options={"a.b": "$x", "max": 7})
PROGRESS = Progress(
    (Unit("numbers", 100, 25, 1, 2048, 12.5),),
    slow=10.0,
    fast=20.0,
    batch=50,
    lost_s={"cpu 91.3 %": 1.5},
    waiting_for=("cpu",),
    not_measured=("disk",),
    counts={"moved": 25},
)


async def recorded(place: Place, *runs: NewRun) -> None:
    async with place.token() as token:
        for run in runs or (RUN,):
            await place.store.create(token, run, "ops@db1", "1.0")


async def claimed(place: Place, worker: Worker, holder: Holder = ME, run_id: str = "r-1") -> Fence:
    run = await place.store.run(run_id)
    assert run is not None
    fence = await worker.claim(run, holder, await place.store.lease(run.scope))
    assert fence is not None
    return fence


async def test_where_nothing_was_recorded_there_is_no_run_and_nothing_is_made(place: Place) -> None:
    assert await place.store.page(10) == ()
    assert await place.store.run("r-1") is None
    assert await place.store.lease("database") is None
    assert await place.store.halts() == ()
    async with place.postgres.reading() as session:
        assert not await session.fetchval("SELECT count(*) FROM pg_class WHERE relname LIKE 'console_%'")


async def test_a_run_is_read_as_it_was_recorded(place: Place) -> None:
    await recorded(place)
    run = await place.store.run("r-1")
    assert run is not None
    assert (run.kind, run.state, run.plan, run.options) == ("toy", "planned", "abc", {"a.b": "$x", "max": 7})
    assert [(each.state, each.who) for each in run.history] == [("planned", "ops@db1")]
    assert (run.holder, run.control.want, run.share) == (None, Want.GO, None)


async def test_the_same_id_twice_is_refused_and_changes_nothing(place: Place) -> None:
    await recorded(place)
    with pytest.raises(Exception, match="duplicate"):
        await recorded(place, replace(RUN, kind="other"))
    run = await place.store.run("r-1")
    assert run is not None
    assert run.kind == "toy"


async def test_runs_are_paged_newest_first(place: Place) -> None:
    await recorded(place, *(replace(RUN, id=f"r-{number}") for number in range(5)))
    first = await place.store.page(2)
    assert [run.id for run in first] == ["r-4", "r-3"]
    assert first[-1].created_at is not None
    rest = await place.store.page(10, RunKey(first[-1].created_at, first[-1].id))
    assert [run.id for run in rest] == ["r-2", "r-1", "r-0"]


async def test_orders_reach_the_worker(place: Place) -> None:
    await recorded(place)
    asked = Control(Want.PAUSE, batch=10, pace=2.5, who="eva@db2", why="deploy")
    async with place.token() as token, place.store.worker(token) as worker:
        fields = {name: getattr(asked, name) for name in ("want", "batch", "pace", "who", "why")}
        await place.store.control(token, "r-1", fields)
        await place.store.halt(token, Halt("toy", "eva@db2", "incident", None))
        run = await place.store.run("r-1")
        assert run is not None
        orders = await worker.orders(run)
        assert replace(orders.control, at=None) == asked
        assert orders.halt is not None
        assert (orders.halt.kind, orders.halt.why) == ("toy", "incident")
        assert [halt.kind for halt in await place.store.halts()] == ["toy"]
        assert [await place.store.lift(token, "toy"), await place.store.lift(token, "toy")] == [True, False]
        assert (await worker.orders(run)).halt is None


async def test_an_order_changes_its_own_fields_only(place: Place) -> None:
    await recorded(place)
    async with place.token() as token:
        for _ in range(10):
            await place.store.control(token, "r-1", {"want": Want.GO, "pace": None, "batch": 7})
            await asyncio.gather(
                place.store.control(token, "r-1", {"want": Want.PAUSE, "who": "eva@db2", "why": "deploy"}),
                place.store.control(token, "r-1", {"pace": 2.5}),
            )
            run = await place.store.run("r-1")
            assert run is not None
            assert replace(run.control, at=None) == Control(Want.PAUSE, 7, 2.5, "eva@db2", "deploy")


async def test_an_order_is_not_replaced_by_one_that_did_not_see_it(place: Place) -> None:
    await recorded(place)
    async with place.token() as token:
        planned = await place.store.run("r-1")
        assert planned is not None
        await place.store.control(token, "r-1", {"want": Want.STOP, "who": "eva@db2"})
        await place.store.control(token, "r-1", {"want": Want.GO}, planned.control)
        stopped = await place.store.run("r-1")
        assert stopped is not None
        assert stopped.control.want is Want.STOP
        await place.store.control(token, "r-1", {"pace": 2.5})
        await place.store.control(token, "r-1", {"want": Want.GO}, stopped.control)
        run = await place.store.run("r-1")
        assert run is not None
        assert (run.control.want, run.control.pace) == (Want.GO, 2.5)


async def test_a_batch_commits_with_its_checkpoint(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as worker:
        fence = await claimed(place, worker)
        await worker.enter(fence, RunState.RUNNING, "ops@db1", "")
        before, _ = await worker.resumed(fence)
        async with worker.work(fence, replace(before, version="1.1")) as work:
            work.save({"last": 25}, PROGRESS)
        after, progress = await worker.resumed(fence)
        assert after == Checkpoint(1, {"last": 25}, "abc", "1.1"), "of the version that wrote it"
        assert progress == PROGRESS
        run = await place.store.run("r-1")
        assert run is not None
        assert (run.state, run.progress, run.holder) == ("running", PROGRESS, ME.said)
        assert run.silent_s is not None
        await worker.release(fence)
        assert (await place.store.page(1))[0].holder is None


async def test_a_batch_that_fails_saves_nothing(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as worker:
        fence = await claimed(place, worker)
        before, _ = await worker.resumed(fence)
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with worker.work(fence, before) as work:
                work.save({"last": 25}, PROGRESS)
                raise ZeroDivisionError
        assert (await worker.resumed(fence))[0] == before


async def test_a_batch_on_an_older_checkpoint_is_to_be_repeated(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as worker:
        fence = await claimed(place, worker)
        before, _ = await worker.resumed(fence)
        async with worker.work(fence, before) as work:
            work.save({"last": 1}, PROGRESS)
        with pytest.raises(TryAgain):
            async with worker.work(fence, before) as work:
                work.save({"last": 2}, PROGRESS)
        assert (await worker.resumed(fence))[0].body == {"last": 1}


async def test_who_lost_the_lease_writes_nothing_any_more(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as first:
        lost = await claimed(place, first)
        before, _ = await first.resumed(lost)
        await first.enter(lost, RunState.RUNNING, "first", "")
        other = other_place(place)
        async with other.token() as other_token, other.store.worker(other_token) as second:
            fence = await claimed(place, second, OTHER)
            assert fence.token == lost.token + 1
            assert not await first.beat(lost)
            for act in (
                first.enter(lost, RunState.DONE, "first", ""),
                first.note(lost, PROGRESS),
                first.resumed(lost),
                batch(first, lost, before),
            ):
                with pytest.raises(LeaseLost):
                    await act
            await first.release(lost)
            assert await second.beat(fence)
            run = await place.store.run("r-1")
            assert run is not None
            assert (run.state, run.history[-1].who, run.holder) == ("running", "first", OTHER.said)
        await other.mongo.aclose()


async def test_who_looked_at_the_lease_before_it_was_lost_writes_nothing_either(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was frozen between its look and its write: each write is filtered by the token itself."""
    if place.name == "postgres":
        pytest.skip("each of its writes is one statement with the lease")
    from backends.runs import mongo_store
    from backends.runs.mongo_worker import MongoWorker

    async def looked(*_: object) -> None:
        """The look came in time."""

    async def none(_: object) -> bool:
        return False

    await recorded(place)
    monkeypatch.setattr(mongo_store, "has_transactions", none)
    async with place.token() as token, place.store.worker(token) as first:
        lost = await claimed(place, first)
        before, _ = await first.resumed(lost)
        await first.enter(lost, RunState.RUNNING, "first", "")
        other = other_place(place)
        async with other.token() as other_token, other.store.worker(other_token) as second:
            fence = await claimed(place, second, OTHER)
            await second.beat(fence)
            with monkeypatch.context() as patch:
                patch.setattr(MongoWorker, "_check", looked)
                assert not await first.beat(lost)
                writing = (
                    first.note(lost, PROGRESS),
                    first.enter(lost, RunState.DONE, "first", ""),
                    batch(first, lost, before),
                    first.command(lost, {"create": "stolen"}, 5.0),
                )
                for act in writing:
                    with pytest.raises((LeaseLost, TryAgain)):
                        await act
            checkpoint, progress = await second.resumed(fence)
            assert (checkpoint.number, progress) == (0, Progress())
            run, lease = await place.store.run("r-1"), await place.store.lease("database")
            assert run is not None
            assert lease is not None
            assert (run.state, lease.beats > 0) == ("running", True)
            async with place.mongo.reading(Role.MAIN) as database:
                assert "stolen" not in await database.list_collection_names()
        await other.mongo.aclose()


async def test_a_takeover_without_transactions_waits_for_a_command_that_may_be_under_way(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.name == "postgres":
        pytest.skip("it has transactions")
    from backends.runs import mongo_store

    async def none(_: object) -> bool:
        return False

    monkeypatch.setattr(mongo_store, "has_transactions", none)
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as worker:
        fence = await claimed(place, worker)
        waits: list[float] = []

        async def asked(self: Any, command: Any, **more: Any) -> Any:
            lease = await place.store.lease("database")
            assert lease is not None
            waits.append(lease.extra_s)
            return await commanded(self, command, **more)

        commanded: Any = AsyncIOMotorDatabase.command
        with monkeypatch.context() as patch:
            patch.setattr(AsyncIOMotorDatabase, "command", asked)
            await worker.command(fence, {"create": "made"}, 3600.0)
        lease = await place.store.lease("database")
        assert lease is not None
        assert (waits[-1], lease.extra_s) == (3600.0, mongo_store.OPERATION_S)


async def batch(worker: Worker, fence: Fence, before: Checkpoint) -> None:
    async with worker.work(fence, before) as work:
        work.save({"stolen": True}, PROGRESS)


async def test_of_two_claims_one_wins(place: Place) -> None:
    await recorded(place)
    run = await place.store.run("r-1")
    assert run is not None
    other = other_place(place)
    async with place.token() as token, place.store.worker(token) as first, other.store.worker(token) as second:
        for _ in range(5):
            seen = await place.store.lease(run.scope)
            fences = await asyncio.gather(first.claim(run, ME, seen), second.claim(run, OTHER, seen))
            assert [fence is not None for fence in fences].count(True) == 1
    await other.mongo.aclose()


async def test_a_heartbeat_passes_a_batch_that_is_under_way(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as worker:
        fence = await claimed(place, worker)
        before, _ = await worker.resumed(fence)
        seen = await place.store.lease("database")
        async with worker.work(fence, before) as work:
            assert await worker.beat(fence)
            work.save({"last": 1}, PROGRESS)
            assert await worker.beat(fence)
        lease = await place.store.lease("database")
        assert seen is not None
        assert lease is not None
        assert lease.beats == seen.beats + 2


async def test_a_takeover_ends_what_a_frozen_holder_has_open(place: Place) -> None:
    await recorded(place)
    async with place.token() as token, place.store.worker(token) as first:
        lost = await claimed(place, first)
        before, _ = await first.resumed(lost)
        other = other_place(place)
        async with other.store.worker(token) as second:
            with pytest.raises((TryAgain, LeaseLost, CannotConnect)):  # noqa: PT012
                async with first.work(lost, before) as work:
                    if place.name == "mongo":
                        await work.database["toys"].insert_one({"_id": 1}, session=work.session)
                        await work.database["console_run_leases"].update_one(
                            {"_id": "database"}, {"$inc": {"batches": 1}}, session=work.session
                        )
                    else:
                        await work.connection.execute("CREATE TABLE toys (id int)")
                    # Frozen from here on: its transaction is open when the takeover comes.
                    async with asyncio.timeout(10):
                        fence = await claimed(place, second, OTHER)
                    work.save({"stolen": True}, PROGRESS)
            assert (await second.resumed(fence))[0] == before
        await other.mongo.aclose()


async def test_every_change_needs_a_token_for_this_database(place: Place) -> None:
    await recorded(place)
    async with place.token() as token:
        pass
    for act in (
        place.store.create(token, RUN, "ops", "1"),
        place.store.control(token, "r-1", {"want": Want.GO}),
        place.store.halt(token, Halt("toy", "ops", "", None)),
        place.store.lift(token, "toy"),
        place.store.worker(token).__aenter__(),
    ):
        with pytest.raises(Refused):
            await act


async def test_a_spoilt_record_is_shown_as_far_as_it_goes(place: Place, mongo_url: str) -> None:
    if place.name == "postgres":
        admin = await asyncpg.connect(place.postgres.target.url)
        await admin.execute("CREATE TABLE console_runs (id text)")
        await admin.close()
        with pytest.raises(NotThere):
            await place.store.page(10)
        return
    name = place.mongo.target(Role.MAIN).database
    with MongoClient[dict[str, object]](mongo_url) as client:
        client[name]["console_runs"].insert_one({"_id": 7, "state": "\x1b[2Jodd[/]", "since": "yesterday"})
    (found,) = await place.store.page(10)
    assert (found.id, found.state, found.kind, found.since) == ("7", "␛[2Jodd[/]", "", None)
    assert (found.known_state, found.share) == (None, None)
