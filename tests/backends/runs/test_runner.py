"""The runner on both stores: to the end, stopped, held, paused, throttled, refused, failed, repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from backends.clients.errors import (
    LeaseHeld,
    Refused,
    StoppedByPerson,
    StoppedByThreshold,
    StoppedByTime,
    VerificationFailed,
)
from backends.runs.acquiring import unless_halted
from backends.runs.drive import Limited
from backends.runs.model import Halt, Holder, NewRun, Progress, Run, Want
from backends.runs.runner import Runner, Verdict
from backends.runs.window import Window
from backends.safety.author import this_author
from tests.backends.runs.conftest import FLAG, QUICK, Place, other_place
from tests.faults.toy import Toy, toy_job
from tests.faults.toys import Toys
from tests.waiting import until

ITEMS = 60
AUTHOR = this_author("demo", "development", "olorin test")


class Heard:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.said: list[str] = []
        self.batches = 0
        self.at_batch: Callable[[], None] = lambda: None

    def state(self, state: str, why: str) -> None:
        self.states.append(state)

    def progress(self, progress: Progress) -> None:
        self.batches += 1
        self.at_batch()

    def say(self, text: str) -> None:
        self.said.append(text)


class Bench:
    """A place with toys, and runners on it."""

    def __init__(self, place: Place, toys: Toys) -> None:
        self.place, self.toys, self.heard = place, toys, Heard()

    def job(self, run: Run) -> Toy:
        return toy_job(run, self.place.name == "mongo")

    def runner(self) -> Runner:
        return Runner(self.place.store, self.job, self.place.gate, AUTHOR, "1.0", self.heard, QUICK)

    async def planned(self, **options: Any) -> Run:
        run = NewRun("r-1", "toy", self.place.store.where, plan="abc", options={"items": ITEMS, **options})
        return await self.runner().create(run, "toy.plan", FLAG)

    async def executed(self, **limits: Any) -> Verdict:
        return await self.runner().execute("r-1", FLAG, limited=Limited(**limits))

    async def order(self, **fields: object) -> None:
        async with self.place.token() as token:
            await self.place.store.control(token, "r-1", fields)


@pytest.fixture
async def bench(place: Place, mongo_url: str, mongo_database: str) -> Bench:
    toys = Toys(mongo_url, mongo_database, place.postgres.target.url if place.name == "postgres" else "")
    await toys.plant(ITEMS)
    return Bench(place, toys)


async def history(bench: Bench) -> list[str]:
    run = await bench.place.store.run("r-1")
    assert run is not None
    return [each.state for each in run.history]


async def test_a_run_goes_to_its_end_and_says_so(bench: Bench) -> None:
    await bench.planned()
    verdict = await bench.executed()
    await bench.toys.check_moved(ITEMS)
    assert verdict.said() == {
        "run_id": "r-1",
        "state": "done",
        "why": "",
        "counts": {"done": ITEMS, "failed": 0, "moved": ITEMS, "verified": ITEMS},
        "resume_cmd": "",
    }
    assert await history(bench) == ["planned", "running", "verifying", "done"]
    assert bench.heard.states == ["running", "verifying", "done"]
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert (run.done, run.total, run.holder) == (ITEMS, ITEMS, None)
    with pytest.raises(Refused, match="done"):
        await bench.executed()


async def test_its_audit_entries_lie_beside_it(bench: Bench) -> None:
    await bench.planned()
    await bench.executed()
    if bench.place.name == "mongo":
        async with bench.place.mongo.reading_at(bench.place.store._target) as database:  # type: ignore[attr-defined]
            entries = await database["console_audit"].find({}).to_list(None)
    else:
        async with bench.place.postgres.reading() as session:
            entries = [dict(row) for row in await session.fetch("SELECT step, run_id FROM console_audit ORDER BY at")]
    assert [(each["step"], each["run_id"]) for each in entries] == [("intent", "r-1"), ("outcome", "r-1")]


async def test_items_that_were_given_up_are_counted(bench: Bench) -> None:
    await bench.planned(skip=[3, 30])
    verdict = await bench.executed()
    assert (verdict.state, verdict.skipped, verdict.counts["moved"]) == ("done", 2, ITEMS - 2)
    await bench.toys.check_conserved(ITEMS)


async def test_an_interrupted_run_finishes_its_batch_and_goes_on_later(bench: Bench) -> None:
    await bench.planned()
    runner = bench.runner()
    bench.heard.at_batch = lambda: runner.interrupt("SIGTERM")
    verdict = await runner.execute("r-1", FLAG)
    bench.heard.at_batch = lambda: None
    assert isinstance(verdict.error, StoppedByPerson)
    assert (verdict.state, verdict.resume_cmd) == ("stopped", "olorin runs resume r-1")
    await bench.toys.check_conserved(ITEMS)
    assert 0 < verdict.counts["moved"] < ITEMS
    assert (await bench.executed()).state == "done"
    await bench.toys.check_moved(ITEMS)
    assert await history(bench) == ["planned", "running", "stopped", "running", "verifying", "done"]


async def test_a_time_limit_stops_it(bench: Bench) -> None:
    await bench.planned()
    verdict = await bench.executed(max_s=0.0)
    assert isinstance(verdict.error, StoppedByTime)
    assert verdict.counts["done"] == 0


async def test_a_failed_proof_is_a_failed_run_that_can_be_repeated(bench: Bench) -> None:
    await bench.planned(bad_proof=True)
    verdict = await bench.executed()
    assert isinstance(verdict.error, VerificationFailed)
    assert (verdict.state, verdict.why) == ("failed", "two items differ")
    assert isinstance((await bench.executed()).error, VerificationFailed)
    await bench.toys.check_moved(ITEMS)


async def test_a_run_that_holds_gives_its_lease_back_and_goes_on_when_told(bench: Bench) -> None:
    await bench.planned(hold=True)
    verdict = await bench.executed()
    assert (verdict.state, verdict.error) == ("holding", None)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert (run.state, run.holder) == ("holding", None)
    assert (await bench.executed()).state == "done"
    await bench.toys.check_moved(ITEMS)


async def test_pause_and_resume_from_another_console(bench: Bench) -> None:
    await bench.planned()
    await bench.order(pace=8.0)
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: bench.heard.batches)
    await bench.order(want=Want.PAUSE, who="eva@db2", why="deploy")
    await until(lambda: "paused" in bench.heard.states)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert (run.state, run.why, run.history[-1].who) == ("paused", "paused by eva@db2: deploy", "eva@db2")
    await bench.order(want=Want.GO, who="eva@db2", pace=None)
    assert (await running).state == "done"
    await bench.toys.check_moved(ITEMS)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.progress.lost_s["paused"] > 0
    assert run.progress.lost_s["pace"] > 0


async def test_a_stop_and_a_halt_end_it(bench: Bench) -> None:
    await bench.planned()
    await bench.order(pace=20.0)
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: bench.heard.batches)
    async with bench.place.token() as token:
        await bench.place.store.halt(token, Halt("toy", "eva@db2", "incident", None))
        verdict = await running
        assert isinstance(verdict.error, StoppedByPerson)
        assert verdict.why == "toy is halted by eva@db2: incident"
        with pytest.raises(Refused, match="halted by eva@db2: incident"):
            await bench.executed()
        await bench.place.store.lift(token, "toy")
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: bench.heard.states.count("running") == 2)
    await bench.order(want=Want.STOP, who="eva@db2")
    assert (await running).why == "stopped by eva@db2"


async def test_a_halt_ends_what_is_done_like_a_run(bench: Bench) -> None:
    """As a rehearsal is, whose runs are recorded in its own schema."""
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleared away")

    rehearsing = asyncio.create_task(unless_halted(bench.place.store, "toy", work()))
    async with bench.place.token() as token:
        await bench.place.store.halt(token, Halt("toy", "eva@db2", "", None))
    with pytest.raises(StoppedByPerson, match="halted by eva@db2"):
        await asyncio.wait_for(rehearsing, 10)
    assert ended == ["cleared away"]


async def test_what_is_ordered_with_a_start_is_ordered_only_where_it_starts(bench: Bench) -> None:
    """Not where somebody has the right to execute it, nor where its kind is halted, even while it waits for that."""
    await bench.planned()
    ordered: list[str] = []

    async def first() -> None:
        ordered.append("swap")

    async with silent_holder(bench) as (runner, release):
        with pytest.raises(LeaseHeld):
            await runner.execute("r-1", FLAG, wait_s=0.0, first=first)
        starting = asyncio.create_task(runner.execute("r-1", FLAG, first=first))
        await until(lambda: bench.heard.said)
        async with bench.place.token() as token:
            await bench.place.store.halt(token, Halt("toy", "eva@db2", "", None))
            await release()
            with pytest.raises(Refused, match="halted by eva@db2"):
                await starting
            await bench.place.store.lift(token, "toy")
    assert ordered == []
    assert await history(bench) == ["planned"]
    assert (await bench.runner().execute("r-1", FLAG, first=first)).state == "done"
    assert ordered == ["swap"]


AT_ONCE_S = 10.0
"""What is heard within a second, on a busy machine."""


async def give(bench: Bench, runner: Runner, order: str) -> None:
    """Lets somebody say that the run has to end."""
    if order == "SIGTERM":
        runner.interrupt("SIGTERM")
    elif order == "halt":
        async with bench.place.token() as token:
            await bench.place.store.halt(token, Halt("toy", "eva@db2", "", None))
    elif order == "stop":
        await bench.order(want=Want.STOP, who="eva@db2")


async def ended(bench: Bench, place: str, order: str) -> Verdict:
    """How the run ended that was told to end there."""
    runner = bench.runner()
    limited = Limited(max_s=1.0) if order == "time" else Limited()
    running = asyncio.create_task(runner.execute("r-1", FLAG, limited=limited))
    place_of = {"prepare": lambda: "running" in bench.heard.states, "pace": lambda: bench.heard.batches}
    await until(place_of.get(place, lambda: "verifying" in bench.heard.states))
    await give(bench, runner, order)
    return await asyncio.wait_for(running, AT_ONCE_S)


@pytest.mark.parametrize(
    ("order", "error", "who"),
    [
        ("stop", StoppedByPerson, "eva@db2"),
        ("halt", StoppedByPerson, "eva@db2"),
        ("SIGTERM", StoppedByPerson, ""),
        ("time", StoppedByTime, ""),
    ],
)
async def test_an_order_is_heard_while_the_run_keeps_its_pace(
    bench: Bench, order: str, error: type[Exception], who: str
) -> None:
    await bench.planned()
    await bench.order(pace=0.05)
    verdict = await ended(bench, "pace", order)
    assert (verdict.state, isinstance(verdict.error, error)) == ("stopped", True)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.history[-1].who == (who or f"{AUTHOR.user}@{AUTHOR.host}")
    assert 0 < verdict.counts["done"] < ITEMS


@pytest.mark.parametrize(
    ("when", "cuttable", "order"),
    [
        ("prepare", True, "stop"),
        ("prepare", False, "SIGTERM"),
        ("verify", True, "halt"),
        ("verify", True, "time"),
        ("verify", False, "stop"),
    ],
)
async def test_an_order_is_heard_before_and_after_the_batches(
    bench: Bench, when: str, cuttable: bool, order: str
) -> None:
    """Never "done" after it, whether the proof was cut or ended."""
    await bench.planned(slow_s={when: 60.0}, cuttable=cuttable)
    verdict = await ended(bench, when, order)
    kind = StoppedByTime if order == "time" else StoppedByPerson
    assert (verdict.state, isinstance(verdict.error, kind)) == ("stopped", True)
    assert verdict.counts["done"] == (0 if when == "prepare" else ITEMS)


async def test_a_pause_and_another_pace_are_heard_while_the_run_keeps_its_pace(bench: Bench) -> None:
    await bench.planned()
    await bench.order(pace=0.05)
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: bench.heard.batches)
    await bench.order(want=Want.PAUSE, who="eva@db2")
    await until(lambda: "paused" in bench.heard.states, AT_ONCE_S)
    await bench.order(want=Want.GO, who="max@db3", pace=None)
    assert (await asyncio.wait_for(running, AT_ONCE_S)).state == "done"
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert [each.who for each in run.history if each.why == "goes on"] == ["max@db3"]
    assert run.progress.lost_s["pace"] > 0


async def test_a_pause_cuts_a_proof_which_is_made_again(bench: Bench) -> None:
    await bench.planned(slow_s={"verify": 1.5})
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: "verifying" in bench.heard.states)
    await bench.order(want=Want.PAUSE, who="eva@db2")
    await until(lambda: "paused" in bench.heard.states)
    await bench.order(want=Want.GO, who="eva@db2")
    assert (await running).state == "done"
    assert await history(bench) == [
        "planned",
        "running",
        "verifying",
        "running",
        "paused",
        "running",
        "verifying",
        "done",
    ]


@asynccontextmanager
async def silent_holder(bench: Bench) -> AsyncIterator[tuple[Runner, Callable[[], Awaitable[None]]]]:
    """A runner that will wait for a holder who is not heard, and what gives his lease back."""
    run = await bench.place.store.run("r-1")
    assert run is not None
    other = other_place(bench.place)
    patient = replace(QUICK, expiry_s=60.0)
    async with other.token() as token, other.store.worker(token) as worker:
        fence = await worker.claim(run, Holder("max", "db3", "", 1, "x"), None)
        assert fence is not None

        async def release() -> None:
            assert fence is not None
            await worker.release(fence)

        yield Runner(bench.place.store, bench.job, bench.place.gate, AUTHOR, "1.0", bench.heard, patient), release
    await other.mongo.aclose()
    if bench.place.name == "postgres":
        await other.postgres.aclose()


async def test_a_resume_supersedes_older_orders_only(bench: Bench) -> None:
    await bench.planned()
    await bench.order(want=Want.PAUSE, who="eva@db2")
    async with silent_holder(bench) as (runner, release):
        starting = asyncio.create_task(runner.execute("r-1", FLAG))
        await until(lambda: bench.heard.said)
        await bench.order(want=Want.STOP, who="eva@db2", why="wait")
        await release()
        assert (await starting).why == "stopped by eva@db2: wait"
    assert (await bench.toys.found())[1] == {}
    assert (await bench.executed()).state == "done"


async def test_who_was_told_before_it_began_obeys(bench: Bench) -> None:
    """A process that a screen started: the person's word was given there, and what was ordered since stays."""
    await bench.planned()
    await bench.order(want=Want.STOP, who="eva@db2")
    verdict = await bench.runner().execute("r-1", FLAG, supersedes=False)
    assert (verdict.state, verdict.why) == ("stopped", "stopped by eva@db2")


async def test_a_signal_ends_the_wait_for_a_lease(bench: Bench) -> None:
    await bench.planned()
    async with silent_holder(bench) as (runner, _):
        starting = asyncio.create_task(runner.execute("r-1", FLAG))
        await until(lambda: bench.heard.said)
        runner.interrupt("SIGTERM")
        with pytest.raises(StoppedByPerson, match="before it began"):
            await asyncio.wait_for(starting, AT_ONCE_S)
    lease = await bench.place.store.lease("database")
    assert lease is not None
    assert lease.holder.host == "db3"


@pytest.mark.parametrize(
    ("options", "why"),
    [({"load": 91.25}, "load 91.2 above 80"), ({"load": -1}, "no data of load")],
)
async def test_what_is_measured_throttles_it(bench: Bench, options: Mapping[str, Any], why: str) -> None:
    await bench.planned(**options)
    runner = bench.runner()
    running = asyncio.create_task(runner.execute("r-1", FLAG))
    await until(lambda: "throttled" in bench.heard.states)
    runner.interrupt("SIGINT")
    await running
    run = await bench.place.store.run("r-1")
    assert run is not None
    throttled = next(each for each in run.history if each.state == "throttled")
    assert throttled.why == why
    assert (await bench.toys.found())[1] == {}


async def test_what_is_not_measured_holds_nothing_up(bench: Bench) -> None:
    await bench.planned()
    assert (await bench.executed()).state == "done"
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.progress.not_measured == ("load",)


async def test_a_threshold_stops_it_resumably(bench: Bench) -> None:
    await bench.planned(load=99, does="STOP")
    verdict = await bench.executed()
    assert isinstance(verdict.error, StoppedByThreshold)
    assert (verdict.state, verdict.why) == ("stopped", "Stopped: load 99 above 80.")
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.progress.measured == {"load": 99}, "what stopped it is told by its record"


async def test_outside_of_its_window_it_waits_before_it_prepares_and_whenever_it_is_resumed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.planned()
    prepared: list[bool] = []
    preparing = Toy.prepare

    async def prepare(self: Toy, context: Any) -> None:
        prepared.append(True)
        await preparing(self, context)

    monkeypatch.setattr(Toy, "prepare", prepare)
    lease = await bench.place.store.run("r-1")
    assert lease is not None
    assert lease.created_at is not None
    minute = lease.created_at.hour * 60 + lease.created_at.minute
    opens, closes = ((minute + shift) % 1440 for shift in (120, 180))
    window = Window.parse(f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}")
    for limits in (Limited(window=window), Limited()):
        bench.heard.states.clear()
        runner = bench.runner()
        running = asyncio.create_task(runner.execute("r-1", FLAG, limited=limits))
        await until(lambda: "paused" in bench.heard.states)
        runner.interrupt("SIGINT")
        verdict = await running
        assert (verdict.counts["done"], prepared) == (0, [])
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.progress.window == window.text
    paused = [each.why for each in run.history if each.state == "paused"]
    assert [why.startswith(f"outside of {window.text}, opens") for why in paused] == [True, True]
    assert (await bench.executed(window=Window.parse("00:00-24:00"))).state == "done"
