"""Screen 4 on a real server: counts, going down and up, pages, filters, and a server that goes away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bson import ObjectId
from textual.pilot import Pilot

from backends.clients.mongo import MongoClients
from backends.clients.targets import mongo_targets
from backends.orphans.model import MissingParent, Place, Scan
from backends.orphans.scan import Progress
from backends.orphans.service import OrphansService
from console.demo.servers import MongoServer
from screens import orphan_sources, orphan_window
from screens.orphans import OrphansScreen
from screens.window_grid import WindowGrid
from tests.olorin import IMPATIENT, T0, Clock, Platform, platform_on
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text

SIZE = (120, 40)


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    """Twelve missing partners with one session each, one suspended one with two, one with a nasty name."""
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.content.insert_one({"_id": ObjectId()})
        platform.olorin.integration_partners.insert_many(
            [{"partner_id": "acme"}, {"partner_id": "idle", "suspended_at": T0}]
        )
        partners = [f"p-{number:02}" for number in range(12)] + ["idle", "idle", "zz\x1b[2J[/red]"]
        platform.olorin.dubbing_sessions.insert_many(
            [{"partner_id": each, "session_id": f"s-{each}", "status": "ended"} for each in partners]
        )
        yield platform


@pytest.fixture
async def service(platform: Platform, tmp_path: Path) -> AsyncIterator[OrphansService]:
    mongo = platform.clients()
    yield OrphansService(mongo, tmp_path, now=Clock())
    await mongo.aclose()


@pytest.fixture
def app(service: OrphansService, tmp_path: Path) -> StagedApp:
    return staged(tmp_path, "4", lambda frame: OrphansScreen(frame, service))


def screen(pilot: Pilot[int]) -> OrphansScreen:
    found = pilot.app.screen
    assert isinstance(found, OrphansScreen)
    return found


async def go_to_dubbing(pilot: Pilot[int]) -> str:
    """Opens the missing parents of the dubbing sessions."""
    await shown(pilot, "13 orphans")
    await pilot.press("down", "down", "enter")
    return await shown(pilot, "of 14")


async def test_references_with_their_counts_and_what_the_chosen_one_is_about(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "13 orphans")
        lines = screen_text(app)
        names = [line.split()[2] for line in lines if "content_embeddings." in line or "_sessions." in line]
        assert names[:3] == [
            "content_embeddings.content_id",
            "recap_sessions.channel_id",
            "dubbing_sessions.partner_id",
        ]
        await pilot.press("down", "down")
        text = await shown(pilot, "names a document of integration_partners")
        assert "documents 15" in text
        assert "orphans 13  in grace 13  exempt 0  removable 0" in text
        assert "suspended 2" in text


async def test_down_to_a_document_and_up_again(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        text = await go_to_dubbing(pilot)
        assert "‖ suspended" in text
        assert "✖ gone" in text
        assert screen(pilot).command() == "orphans list --collection dubbing_sessions"
        await pilot.press("enter")
        await shown(pilot, "s-p-00")
        await pilot.press("enter")
        text = await shown(pilot, '"s-p-00"')
        assert "session_id" in text
        for seen, gone in (("1 to 1", '"s-p-00"'), ("1 to 14 of 14", "s-p-00"), ("names a document", "p-00")):
            await pilot.press("escape")
            assert gone not in await shown(pilot, seen)
        assert screen(pilot).command() == "orphans scan"


async def test_a_document_folds_and_its_parent_is_looked_up(app: StagedApp, platform: Platform) -> None:
    nested = {"partner_id": "aaa", "session_id": "s-aaa", "voice": {"speed": "slow", "pitch": {"low": "3"}}}
    platform.olorin.dubbing_sessions.insert_one(nested)
    platform.olorin.usage_records.insert_many([{"partner_id": "aaa"}, {"partner_id": "aaa"}])
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "orphans  scanned")
        await pilot.press("down", "down", "enter")
        await shown(pilot, "of 15")
        await pilot.press("enter")
        await shown(pilot, "s-aaa")
        await pilot.press("enter")
        await shown(pilot, '"slow"')
        await pilot.press("down", "down", "down", "enter")
        assert "pitch" not in await shown(pilot, "▸ voice")
        await pilot.press("enter")
        await shown(pilot, '"slow"')
        await pilot.press("v")
        assert "✖ gone" in await shown(pilot, "also named by usage_records.partner_id 2")
        platform.olorin.integration_partners.insert_one({"partner_id": "aaa"})
        await pilot.press("v")
        await shown(pilot, "● alive")


async def test_sorting_by_documents(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_dubbing(pilot)
        await pilot.press("s")
        await shown(pilot, "of 14 by parent")
        await pilot.press("s")
        text = await shown(pilot, "of 14 by documents")
        assert text.index("idle") < text.index("p-00") < text.index("p-01")


async def test_pages_are_turned_by_keys(app: StagedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphan_sources, "PAGE", 5)
    async with app.run_test(size=SIZE) as pilot:
        await go_to_dubbing(pilot)
        for key, seen in (("n", "6 to 10"), ("n", "11 to 14"), ("n", "11 to 14"), ("p", "6 to 10"), ("p", "1 to 5")):
            await pilot.press(key)
            await shown(pilot, f"{seen} of 14")


async def test_scrolling_goes_on_over_the_pages(app: StagedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next page is there before the cursor reaches it, in every order, and the one before on the way back."""
    monkeypatch.setattr(orphan_sources, "PAGE", 2)
    monkeypatch.setattr(orphan_window, "HELD", 3)
    async with app.run_test(size=SIZE) as pilot:
        await go_to_dubbing(pilot)
        grid: WindowGrid[Place, MissingParent] = screen(pilot).query_one("#parents", WindowGrid)
        for order in ("by state", "by parent", "by documents", "by first seen"):
            await shown(pilot, order)
            passed = [grid.cursor_key]
            for key, times in (("down", 13), ("up", 13)):
                for _ in range(times):
                    await pilot.press(key)
                    await until(lambda: grid.settled)
                    passed.append(grid.cursor_key)
            assert len(set(passed[:14])) == 14
            assert passed[14:] == passed[12::-1]
            assert len(grid.rows) <= 6
            await pilot.press("s")


async def test_each_level_is_filtered_and_the_filter_ends_with_it(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "13 orphans")
        await pilot.press("slash", *"dubbing", "enter")
        assert "recap_sessions" not in await shown(pilot, "names a document of integration_partners")
        await pilot.press("enter")
        await shown(pilot, "of 14")
        await pilot.press("slash", *"susp", "enter")
        assert "p-00" not in await shown(pilot, "1 to 1 of 1")
        await pilot.press("enter")
        assert "s-idle" in await shown(pilot, "1 to 2")
        await pilot.press("slash", *"nowhere")
        await shown(pilot, "no such document on this page")
        await pilot.press("escape")
        await shown(pilot, "s-idle")


async def test_the_last_scan_stands_until_a_new_one_is_done(service: OrphansService, tmp_path: Path) -> None:
    """The scan under way is told, and what the history knows can be browsed meanwhile."""
    before = await service.scan()
    let_go = asyncio.Event()

    class Slow(OrphansService):
        async def scan(self, tell: Progress | None = None) -> Scan:
            await let_go.wait()
            return replace(before, references=())

    slow = Slow(service._mongo, tmp_path, now=Clock())
    app = staged(tmp_path, "4", lambda frame: OrphansScreen(frame, slow))
    async with app.run_test(size=SIZE) as pilot:
        assert "● live" not in await shown(pilot, "13 orphans  scanned 03-01 12:00 UTC")
        await go_to_dubbing(pilot)
        let_go.set()
        await shown(pilot, "0 orphans")


async def test_refresh_scans_at_the_top_and_reads_again_below(app: StagedApp, platform: Platform) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_dubbing(pilot)
        await pilot.press("end", "enter")
        await shown(pilot, "1 to 2")
        platform.olorin.dubbing_sessions.delete_one({"partner_id": "idle"})
        await pilot.press("r")
        await shown(pilot, "1 to 1")
        await pilot.press("escape", "escape", "r")
        await shown(pilot, "documents 14")


async def test_nasty_text_is_shown_literally(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        assert "zz␛[2J[/red]" in await go_to_dubbing(pilot)
        await pilot.press("end", "up", "enter")
        assert "s-zz␛[2J[/red]" in await shown(pilot, "1 to 1")


async def test_nobody_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://ops:sesame99@127.0.0.1:9/"}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    app = staged(tmp_path, "4", lambda frame: OrphansScreen(frame, service))
    async with app.run_test(size=SIZE) as pilot:
        text = await shown(pilot, "cannot connect")
        assert "MONGODB_URI" in text
        assert "sesame99" not in text
    await mongo.aclose()


async def test_a_server_that_goes_away_leaves_what_was_known(tmp_path: Path) -> None:
    server = MongoServer(tmp_path / "mongo", durable=False)
    await server.start()
    mongo = MongoClients(mongo_targets({"MONGODB_URI": server.url}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    with platform_on(server.url, "bayit_plus") as platform:
        platform.bayit.integration_partners.insert_one({"partner_id": "acme"})
        platform.bayit.dubbing_sessions.insert_many([{"partner_id": each} for each in ("gone", "lost")])
    app = staged(tmp_path, "4", lambda frame: OrphansScreen(frame, service))
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "2 orphans")
        server.process.kill()
        server.process.wait()
        await pilot.press("r")
        assert "2 orphans" in await shown(pilot, "disconnected")
        await pilot.press("down", "down", "enter")
        assert "gone" in await shown(pilot, "1 to 2 of 2")
        await pilot.press("enter")
        await shown(pilot, "✖ cannot connect")
    await server.stop()
    await mongo.aclose()
