"""The runs' screens on real stores: the list, paging, a run's page, and its keys through the gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.runs.model import Holder, NewRun, Run, Want
from backends.runs.service import RunsService
from backends.runs.store import Timing
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from screens.runs import RunScreen, RunsScreen
from tests.backends.runs.conftest import QUICK, Place, place_at
from tests.stage import StagedApp, shown, staged

SIZE = (120, 40)
AUTHOR = this_author("demo", "staging", "olorin test")


@pytest.fixture
async def place(mongo_url: str, mongo_database: str, postgres_database: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = place_at("postgres", mongo_url, mongo_database, postgres_database, tmp_path / "other", QUICK)
    yield made
    await made.mongo.aclose()
    await made.postgres.aclose()


async def recorded(place: Place, *ids: str, timing: Timing = QUICK) -> RunsService:
    async with place.token() as token:
        for run_id in ids:
            await place.store.create(token, NewRun(run_id, "toy", place.store.where), "eva@db2", "1")
    return RunsService((place.store,), AUTHOR, Path("/nowhere"), lambda run_id, typed: (), timing)


def on_page(folder: Path, runs: RunsService) -> StagedApp:
    return staged(folder, "3", lambda frame: RunScreen(frame, runs, "r-1"))


async def known(place: Place) -> Run:
    run = await place.store.run("r-1")
    assert run is not None
    return run


async def test_a_run_opens_from_the_list_and_goes_back(place: Place, tmp_path: Path) -> None:
    runs = await recorded(place, "r-1", "r-2")
    app = staged(tmp_path, "3", lambda frame: RunsScreen(frame, runs))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "r-2")
        await pilot.press("down", "enter")
        text = await shown(pilot, "nobody")
        assert "● planned" in text
        assert "eva@db2" in text
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        assert screen.command() == "runs show r-1"
        await pilot.press("escape")
        await shown(pilot, "r-2")


async def test_the_list_is_turned_by_page(place: Place, tmp_path: Path) -> None:
    runs = await recorded(place, *(f"r-{number:02}" for number in range(55)))
    app = staged(tmp_path, "3", lambda frame: RunsScreen(frame, runs))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "r-54")
        await pilot.press("o")
        assert "r-54" not in await shown(pilot, "r-04")
        await pilot.press("n")
        await shown(pilot, "r-54")


@pytest.mark.parametrize(("key", "want"), [("p", "pause"), ("S", "stop")])
async def test_a_key_orders_once_it_is_armed_and_confirmed(place: Place, tmp_path: Path, key: str, want: str) -> None:
    app = on_page(tmp_path, await recorded(place, "r-1"))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "● planned")
        await pilot.press(key)
        await shown(pilot, "read-only: ! arms")
        await pilot.press("y")
        assert (await known(place)).control.want.value == "go"
        await pilot.press("exclamation_mark", "y")
        await shown(pilot, f"{want}, by {AUTHOR.user}")
    assert (await known(place)).control.want.value == want
    entries = AuditTrail(tmp_path).read().entries
    assert [(each["action"], each["step"]) for each in entries] == [
        (f"runs.{want}", "intent"),
        (f"runs.{want}", "outcome"),
    ]


async def until_halts(place: Place, number: int) -> None:
    """Returns when so many kinds are halted."""
    async with asyncio.timeout(15):
        while len(await place.store.halts()) != number:  # noqa: ASYNC110 - a database announces nothing
            await asyncio.sleep(0.02)


async def test_pace_and_halt(place: Place, tmp_path: Path) -> None:
    runs = await recorded(place, "r-1")
    async with on_page(tmp_path, runs).run_test(size=SIZE) as pilot:
        await shown(pilot, "● planned")
        await pilot.press("exclamation_mark", "minus")
        await shown(pilot, "at most 1.0 items a second")
        await pilot.press("y")
        await shown(pilot, "go, 1 a second at most")
    app = staged(tmp_path, "3", lambda frame: RunsScreen(frame, runs))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "r-1")
        await pilot.press("exclamation_mark", "H")
        await shown(pilot, "Every running toy ends")
        await pilot.press("y")
        await shown(pilot, "✖ halted: toy")
        await pilot.press("H")
        await shown(pilot, "may start again")
        await pilot.press("y")
        await until_halts(place, 0)


async def test_a_run_that_waits_elsewhere_is_told_to_go_on(place: Place, tmp_path: Path) -> None:
    """And nothing is started here: the command would not even exist."""
    runs = await recorded(place, "r-1", timing=Timing())
    async with place.token() as token, place.store.worker(token) as worker:
        run = await known(place)
        fence = await worker.claim(run, Holder("max", "db3", "", 1, "x"), None)
        assert fence is not None
        await place.store.control(token, "r-1", {"want": Want.PAUSE})
        async with on_page(tmp_path, runs).run_test(size=SIZE) as pilot:
            await shown(pilot, "pause")
            await pilot.press("exclamation_mark", "u")
            await shown(pilot, "olorin runs pause r-1")
            await worker.beat(fence)
            await pilot.press("y")
            await shown(pilot, f"go, by {AUTHOR.user}")
    assert (await known(place)).control.want.value == "go"


async def test_a_run_that_is_not_there_is_said(place: Place, tmp_path: Path) -> None:
    runs = await recorded(place, "r-2")
    async with on_page(tmp_path, runs).run_test(size=SIZE) as pilot:
        await shown(pilot, "There is no run r-1")
        await pilot.press("p")
        await shown(pilot, "r-1")
