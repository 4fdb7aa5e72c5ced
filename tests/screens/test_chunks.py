"""The chunks' page on a real server: every key on the way there and back, each through the gate."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest
from textual.pilot import Pilot

from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.changes import RepartitionChanges
from backends.runs.model import Halt, Holder
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.starting import RunStarter, Unheard
from backends.runs.store import RunStore
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act
from screens.chunks import ChunksScreen
from screens.frame import Frame
from screens.runs import RunScreen, RunsScreen
from tests.backends.migrations.repartition.place import FLAG, Place
from tests.fixed_runs import FixedRuns
from tests.stage import StagedApp, staged
from tests.stage import shown as shown_within

SIZE = (120, 40)
AUTHOR = this_author("demo", "staging", "olorin test")


@pytest.fixture
async def place(postgres_database: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = await Place.at(postgres_database, tmp_path / "other")
    await made.make("list", 200)
    yield made
    await made.aclose()


def page_on(place: Place, folder: Path) -> StagedApp:
    """The page; what would be a process of its own ends at once, and the test executes the run instead."""
    runs = RunsService((place.store,), AUTHOR, folder, lambda run_id, typed: (sys.executable, "-c", "pass"))

    def made(frame: Frame) -> ChunksScreen:
        def runner(store: RunStore) -> Runner:
            return Runner(store, place.job, frame.gate(), AUTHOR, "1", Unheard())

        starter = RunStarter(runs, (place.store,), runner, frame.gate())
        changes = RepartitionChanges(place.service, lambda: starter, lambda: runs, frame.gate(), _never)
        return ChunksScreen(frame, place.service, lambda: changes, runs)

    return staged(folder, "3", made)


def _never() -> NoReturn:
    raise AssertionError("nobody rehearses here")


async def shown(pilot: Pilot[int], text: str) -> str:
    """Waits as long as a busy machine may take for a whole run."""
    return await shown_within(pilot, text, 60.0)


async def agree(pilot: Pilot[int], key: str, text: str) -> None:
    """Presses the key, waits for what it asks, and agrees."""
    await pilot.press(key)
    await shown(pilot, text)
    await pilot.press("y")


async def stage(place: Place) -> Stage | None:
    migration = await place.book()
    return migration.stage if migration is not None else None


@pytest.mark.parametrize("why", ["chunks is halted by", "executes the run"])
async def test_a_swap_that_may_not_start_is_not_ordered(place: Place, tmp_path: Path, why: str) -> None:
    await place.execute()
    run = (await place.store.page(1))[0]
    act = Act("runs.halt", place.store.where)
    async with place.gate.act(act, FLAG) as token, place.store.worker(token) as worker:
        if why == "executes the run":
            await worker.claim(run, Holder("max", "db3", "", 1, "x"), await place.store.lease(run.scope))
        else:
            await place.store.halt(token, Halt("chunks", "max@db3", "", None))
        async with page_on(place, tmp_path).run_test(size=SIZE, notifications=True) as pilot:
            await shown(pilot, "ready to swap")
            await pilot.press("exclamation_mark")
            await agree(pilot, "s", "names are exchanged")
            await shown(pilot, why)
    assert await stage(place) is Stage.READY
    assert "chunks.swap" not in {each["action"] for each in AuditTrail(tmp_path).read().entries}


async def test_there_and_back_by_keys(place: Place, tmp_path: Path) -> None:
    async with page_on(place, tmp_path).run_test(size=SIZE, notifications=True) as pilot:
        await shown(pilot, "never re-partitioned")
        await pilot.press("x")
        await shown(pilot, "d makes a plan first")
        await pilot.press("d")
        await shown(pilot, "checks are green")
        await pilot.press("x")
        await shown(pilot, "read-only: ! arms")
        await pilot.press("y")
        assert await place.store.page(5) == ()
        await pilot.press("exclamation_mark", "y")
        await shown(pilot, "started; its log is")
        run = (await place.store.page(5))[0]
        assert (run.kind, run.state, run.options["rows"]) == ("chunks", "planned", 200)
        await place.resume(run.id)
        await pilot.press("r")
        text = await shown(pilot, "ready to swap")
        assert "must stop naming partition_key" in text
        assert "chunks_next" in await shown(pilot, "Attic")
        await agree(pilot, "s", "names are exchanged")
        await shown(pilot, "swapping")
        assert await stage(place) is Stage.SWAPPING
        await place.resume(run.id)
        await pilot.press("r")
        await shown(pilot, "Not tried yet")
        await agree(pilot, "w", "A copy of a row is inserted")
        await shown(pilot, "All 100 partitions took a row")
        await pilot.press("v")
        await shown(pilot, "is over: 200 rows proven")
        await agree(pilot, "K", "at least 24 hours")
        await shown(pilot, "kept until")
        await agree(pilot, "D", "no way back")
        await shown(pilot, "The backup's time is not over")
        await agree(pilot, "b", "comes back")
        await shown(pilot, "chunks-rollback-")
    back = (await place.store.page(5))[0]
    assert (back.kind, back.state) == ("chunks-rollback", "planned")
    acts = [each["action"] for each in AuditTrail(tmp_path).read().entries if each["step"] == "intent"]
    assert [each for each in acts if each != "runs.resume"] == [
        "chunks.probe",
        "chunks.execute",
        "chunks.swap",
        "chunks.probe",
        "chunks.retain",
        "chunks.drop_backup",
        "chunks.rollback",
    ]


async def test_the_page_opens_from_the_runs_and_opens_the_run(place: Place, tmp_path: Path) -> None:
    await place.execute()
    runs = await place.store.page(5)
    page = FixedRuns(runs=runs)
    page.fixed = type(page.fixed)(runs)

    def chunks(frame: Frame) -> ChunksScreen:
        return ChunksScreen(frame, place.service, _never, page)

    app = staged(tmp_path, "3", lambda frame: RunsScreen(frame, page, {"chunks": chunks}))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "● holding")
        seen = []
        for keys, text in ((["enter"], "ready to swap"), (["o"], "History"), (["escape", "escape"], "● holding")):
            await pilot.press(*keys)
            await shown(pilot, text)
            seen.append(type(pilot.app.screen))
        assert seen == [ChunksScreen, RunScreen, RunsScreen]
