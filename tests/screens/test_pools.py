"""Screen 2 over real servers: true numbers, hostile names, a frozen server, and no paint beyond what changed."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from backends.pools.acts import PoolActs
from backends.pools.service import PoolsService
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Gate
from console.demo.servers import MongoServer
from screens.frame import Frame
from screens.pools import PoolsScreen
from tests.backends.pools.conftest import Build, build, frozen, mongo_app
from tests.backends.pools.test_postgres_server import session
from tests.backends.pools.test_published import METRICS, endpoint, page
from tests.nasty import NASTY
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import Stage, screen_text
from widgets.lines import Lines
from widgets.panel import Panel
from widgets.tone import Part, Tone

__all__ = ("build",)

REFRESH = 0.3


def no_acts() -> PoolActs:
    raise AssertionError("nothing is changed here")


def app_of(folder: Path, service: PoolsService) -> StagedApp:
    def pools(frame: Frame) -> PoolsScreen:
        return PoolsScreen(replace(frame, refresh=REFRESH), service, no_acts)

    return staged(folder, "2", pools)


def said(app: StagedApp, text: str) -> bool:
    """Whether a notification said so."""
    return any(text in each.message for each in app._notifications)


def line_with(pilot: Pilot[Any], text: str) -> str:
    return next(line for line in screen_text(pilot.app) if text in line)


async def test_pools_servers_and_applications_are_on_80_by_24(
    build: Build, mongo_url: str, postgres_database: str, tmp_path: Path
) -> None:
    app = app_of(tmp_path, build(mongo=mongo_url, chunks=postgres_database))
    async with AsyncExitStack() as stack, app.run_test(size=(80, 24)) as pilot:
        for name, count in (("bayit-api", 4), (None, 2)):
            await stack.enter_async_context(mongo_app(mongo_url, name, count))
        await pilot.press("2")
        await shown(pilot, "bayit-api")
        await shown(pilot, "no application name")
        while line_with(pilot, "bayit-api").split()[:6] != ["mongo", "bayit-api", "4", "–", "–", "4"]:
            await pilot.pause(0.05)
        await shown(pilot, "● ok       postgres chunks")
        pool = line_with(pilot, "mongo main, olorin")
        assert pool.startswith(" ● ok")
        assert pool.split()[-4:-2] == ["2", "–"]
        assert line_with(pilot, "postgres chunks").split()[-4:-2] == ["2", "97"]
        assert "limit not told" in line_with(pilot, "mongo 127.0.0.1:")
        assert " of 97" in line_with(pilot, "postgres 127.0.0.1:")
        assert "watching: " in line_with(pilot, "pools of this console")


async def test_the_line_below_explains_the_row_and_the_filter_narrows(
    build: Build, mongo_url: str, tmp_path: Path
) -> None:
    app = app_of(tmp_path, build(mongo=mongo_url))
    async with AsyncExitStack() as stack, app.run_test(size=(120, 40)) as pilot:
        for name in ("bayit-api", "embedder", None):
            await stack.enter_async_context(mongo_app(mongo_url, name, 2))
        await pilot.press("2")
        await shown(pilot, "embedder")
        await shown(pilot, "no application name")
        await pilot.press("slash", *"no appl", "enter")
        await shown(pilot, "shells, probes and drivers that set none")
        assert not [line for line in screen_text(pilot.app) if "embedder" in line]
        await pilot.press("escape")
        await shown(pilot, "embedder")


async def test_why_client_and_server_differ_is_named_on_80_by_24(build: Build, mongo_url: str, tmp_path: Path) -> None:
    """This console's own connections are counted on both sides; its monitor's is outside its pool."""
    app = app_of(tmp_path, build(mongo=mongo_url))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await shown(pilot, "olorin-console/")
        await pilot.press("slash", *"olorin-console/", "enter")
        await shown(pilot, " 1 monitoring socket: its clients count ")


async def test_hostile_names_stay_text(build: Build, postgres_database: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        for text in (NASTY["action"], NASTY["escape"], NASTY["markup"]):
            connection = await asyncpg.connect(postgres_database, server_settings={"application_name": text[:63]})
            stack.callback(connection.terminate)
        app = app_of(tmp_path, build(chunks=postgres_database))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("2")
            await shown(pilot, NASTY["action"])
            await shown(pilot, NASTY["markup"])
            assert not [line for line in screen_text(app) if "\x1b" in line]


async def test_a_frozen_server_keeps_its_last_numbers_and_no_other_waits(
    build: Build, postgres_database: str, tmp_path: Path
) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=server.url, chunks=postgres_database, deadline_s=2.0)
        app = app_of(tmp_path, service)
        async with mongo_app(server.url, "bayit-api", 3), app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            await shown(pilot, "bayit-api")
            screen = app.screen
            assert isinstance(screen, PoolsScreen)
            with frozen(server.pid):
                await shown(pilot, "✖ disconnected")
                before = screen.reading(screen._source(service.places[1])).number
                assert "bayit-api" in "\n".join(screen_text(app))
                await shown(pilot, "? no data  mongo main, olorin")
                assert "limit not told  ? no data  ✖ disconnected" in line_with(pilot, "mongo 127.0.0.1:")
                limit = next(each for each in screen.query_one("#server-0", Panel).heading if "not told" in each.text)
                own = screen.query_one("#own Lines", Lines).lines[1]
                assert {limit.tone, *(each.tone for each in own[1:])} == {Tone.MUTED}
                while screen.reading(screen._source(service.places[1])).number < before + 2:
                    await pilot.pause(0.05)
                assert "● live" in line_with(pilot, "postgres 127.0.0.1:")
                assert "✖ disconnected" in line_with(pilot, "mongo 127.0.0.1:")
                # Less than a reading of the frozen server takes, which is under way again and again.
                pressed = time.monotonic()
                await pilot.press("down", "down")
                await shown(pilot, "driver")
                assert time.monotonic() - pressed < 2.0
            await shown(pilot, "limit not told  ● ok  ● live")
            await shown(pilot, "● ok       mongo main, olorin")


async def test_other_processes_pools_stand_below_with_the_worst_first(
    build: Build, mongo_url: str, tmp_path: Path
) -> None:
    async with endpoint(page(METRICS.replace("} 97", "} 100").encode())) as url:
        app = app_of(tmp_path, build(mongo=mongo_url, metrics=(url, "http://127.0.0.1:9/metrics")))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            await shown(pilot, "✖ critical mongo bayit_plus at")
            await shown(pilot, "✖ cannot connect: ")
            numbers = line_with(pilot, "✖ critical").split()
            assert numbers[-5:] == ["3", "4", "100", "–", "–"]


@pytest.mark.parametrize("size", [(40, 10), (60, 20), (300, 80)])
async def test_it_lives_at_any_size_and_with_nothing_configured(
    build: Build, tmp_path: Path, size: tuple[int, int]
) -> None:
    app = app_of(tmp_path, build())
    async with app.run_test(size=size) as pilot:
        await pilot.press("2")
        await shown(pilot, "The main Mongo database")
        await pilot.resize_terminal(80, 24)
        await shown(pilot, "Set MONGODB_URI.")


async def test_lines_paint_only_the_cells_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(Lines())
    async with app.run_test(size=(40, 10)) as pilot:
        lines = app.query_one(Lines)
        lines.show([("a 1 of 2",), ("b", Part(" 3 of 4"))])
        await pilot.pause()
        assert [line.rstrip() for line in screen_text(app)[:3]] == ["a 1 of 2", "b 3 of 4", ""]
        painted: list[tuple[Region, ...]] = []
        monkeypatch.setattr(lines, "refresh", lambda *regions, **_: painted.append(regions))
        lines.show([("a 1 of 2",), ("b", Part(" 5 of 4"))])
        assert painted == [(Region(2, 1, 1, 1),)]
        painted.clear()
        lines.show([("a 1 of 2",), ("b", Part(" 5 of 4"))])
        assert painted == []


async def test_sessions_and_the_last_hour_are_views_of_the_table(
    build: Build, postgres_database: str, tmp_path: Path
) -> None:
    app = app_of(tmp_path, build(chunks=postgres_database))
    async with session(postgres_database, "holder") as holder, session(postgres_database, "waiter") as waiter:
        await holder.execute("CREATE TABLE t (a int)")
        await holder.execute("BEGIN; LOCK TABLE t")
        waiting = asyncio.create_task(waiter.execute("SELECT * FROM t"))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("2")
            await shown(pilot, "holder")
            await pilot.press("v")
            await shown(pilot, "SELECT * FROM t")
            assert "└ " in line_with(pilot, "SELECT * FROM t")
            assert "idle in tr." in line_with(pilot, "LOCK TABLE t")
            await shown(pilot, "1 moves when it ends")
            await pilot.press("v")
            await shown(pilot, "on postgres 127.0.0.1:")
            assert any(block in line_with(pilot, "on postgres 127.0.0.1:") for block in "▁▂▃▄▅▆▇█")
            await pilot.press("x")
            await until(lambda: said(app, "put the cursor on one"))
        await holder.execute("COMMIT")
        await waiting


async def test_a_session_is_terminated_from_the_screen(build: Build, postgres_database: str, tmp_path: Path) -> None:
    """t shows what it is and does; ! arms; y does it; the application finds its connection ended."""
    service = build(chunks=postgres_database)
    trail = AuditTrail(tmp_path / "state")
    clients = [service._postgres["chunks"]]
    app = staged(tmp_path, "2", lambda frame: PoolsScreen(replace(frame, refresh=REFRESH), service, lambda: acts))
    gate = Gate(trail, this_author("eu-west", "staging", "olorin test"), app.frame.arming, production=False)
    acts = PoolActs(service._mongo, clients, gate)
    async with session(postgres_database, "forgetful") as forgetful:
        await forgetful.execute("BEGIN; SELECT 'left open'")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            await shown(pilot, "forgetful")
            await pilot.press("v")
            await shown(pilot, "left open")
            await pilot.press("x")
            await until(lambda: said(app, "runs nothing that could be cancelled"))
            await pilot.press("t")
            await shown(pilot, "read-only: ! arms for ten minutes")
            await shown(pilot, "its open transaction is rolled back")
            await pilot.press("exclamation_mark")
            await shown(pilot, "y does it")
            await pilot.press("y")
            await until(lambda: said(app, "terminate was sent to"))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await forgetful.execute("SELECT 1")
    assert "pools.terminate" in trail.path.read_text()


async def test_check_outs_and_connections_of_our_own_pools_are_on_80_by_24(
    build: Build, mongo_url: str, postgres_database: str, tmp_path: Path
) -> None:
    """Percentiles of both, connections opened and closed, and who got none, as the drivers count them."""
    service = build(mongo=mongo_url, chunks=postgres_database)
    app = app_of(tmp_path, service)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await shown(pilot, "● ok       postgres chunks")
        await pilot.press("v", "v", "v")
        await shown(pilot, "wait p50")
        for name, pool in zip(("mongo main, olorin", "postgres chunks"), (await service.own()).pools, strict=True):
            line = lines_with(pilot, name)[-1]
            p50, p95, p99 = map(float, re.findall(r"([\d.]+) ms", line)[:3])
            assert 0 < p50 <= p95 <= p99
            assert line.split()[-2:] == [str(pool.opened), str(pool.closed)]
        await shown(pilot, "got none: –")
        await shown(pilot, "opening a connection took ")


def lines_with(pilot: Pilot[Any], text: str) -> list[str]:
    return [line for line in screen_text(pilot.app) if text in line]
