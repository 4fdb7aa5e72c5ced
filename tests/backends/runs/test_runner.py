"""The runner on both stores: to the end, stopped, held, paused, throttled, refused, failed, repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from backends.clients.errors import Refused, StoppedByPerson, StoppedByThreshold, StoppedByTime, VerificationFailed
from backends.runs.drive import Limited
from backends.runs.model import Control, Halt, NewRun, Progress, Run, Want
from backends.runs.runner import Runner, Verdict
from backends.runs.window import Window
from backends.safety.author import this_author
from tests.backends.runs.conftest import FLAG, QUICK, Place
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

    async def order(self, control: Control) -> None:
        async with self.place.token() as token:
            await self.place.store.control(token, "r-1", control)


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
    await bench.order(Control(pace=8.0))
    running = asyncio.create_task(bench.runner().execute("r-1", FLAG))
    await until(lambda: bench.heard.batches)
    await bench.order(Control(Want.PAUSE, who="eva@db2", why="deploy"))
    await until(lambda: "paused" in bench.heard.states)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert (run.state, run.why, run.history[-1].who) == ("paused", "paused by eva@db2: deploy", "eva@db2")
    await bench.order(Control(Want.GO, who="eva@db2"))
    assert (await running).state == "done"
    await bench.toys.check_moved(ITEMS)
    run = await bench.place.store.run("r-1")
    assert run is not None
    assert run.progress.lost_s["paused"] > 0
    assert run.progress.lost_s["pace"] > 0


async def test_a_stop_and_a_halt_end_it(bench: Bench) -> None:
    await bench.planned()
    await bench.order(Control(pace=20.0))
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
    await bench.order(Control(Want.STOP, who="eva@db2"))
    assert (await running).why == "stopped by eva@db2"


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
