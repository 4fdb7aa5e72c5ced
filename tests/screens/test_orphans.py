"""Screen 4 on a real server: counts, going down and up, pages, filters, and a server that goes away."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bson import ObjectId
from textual.pilot import Pilot

from backends.clients.mongo import MongoClients
from backends.clients.targets import mongo_targets
from backends.orphans import scan_job
from backends.orphans.graph import Reference
from backends.orphans.model import MissingParent, Place, ReferenceScan
from backends.orphans.passes import Pass
from backends.orphans.scan import Progress
from backends.orphans.scans import ScanDesk
from backends.orphans.service import OrphansService
from backends.runs.folder_store import FolderRunStore
from backends.runs.model import Halt
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.gate import Act, Consent, Gate
from console.demo.servers import MongoServer
from screens import orphan_sources, orphan_window
from screens.orphans import OrphansScreen
from screens.window_grid import WindowGrid
from tests.olorin import IMPATIENT, T0, Clock, Platform, platform_on
from tests.scanning import AUTHOR, console, scan_desk, scan_now
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
async def app(service: OrphansService, tmp_path: Path) -> StagedApp:
    """The screen on a scan of just now."""
    await scan_now(service)
    return screen_on(service, scan_desk(service, tmp_path), tmp_path)


def screen_on(service: OrphansService, desk: ScanDesk, folder: Path) -> StagedApp:
    app = staged(folder, "4", lambda frame: OrphansScreen(frame, service, desk))
    app.frame = replace(app.frame, refresh=0.2)
    return app


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


async def test_a_document_folds_and_its_parent_is_looked_up(
    app: StagedApp, platform: Platform, service: OrphansService
) -> None:
    nested = {"partner_id": "aaa", "session_id": "s-aaa", "voice": {"speed": "slow", "pitch": {"low": "3"}}}
    platform.olorin.dubbing_sessions.insert_one(nested)
    platform.olorin.usage_records.insert_many([{"partner_id": "aaa"}, {"partner_id": "aaa"}])
    await scan_now(service)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "orphans  as of")
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


async def test_a_scan_under_way_is_followed_and_the_last_one_stands_until_its_end(
    app: StagedApp, platform: Platform, service: OrphansService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes it, the screen says how far it is; what the history knows can be browsed meanwhile."""
    let_go, judging = asyncio.Event(), Pass.judge

    async def judge(self: Pass, reference: Reference, tell: Progress) -> ReferenceScan:
        if reference.name == "dubbing_sessions.partner_id":
            await tell(reference, 7)
            await let_go.wait()
        return await judging(self, reference, tell)

    monkeypatch.setattr(Pass, "judge", judge)
    monkeypatch.setattr(scan_job, "TELL_S", 0.0)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "13 orphans")
        platform.olorin.dubbing_sessions.insert_one({"partner_id": "p-12"})
        scanning = asyncio.create_task(scan_now(service))
        text = await shown(pilot, "scanning: dubbing_sessions.partner_id 7 of 15, 2 of 7 references done")
        assert "13 orphans  as of 03-01 12:00 UTC" in text
        await go_to_dubbing(pilot)
        let_go.set()
        await scanning
        await shown(pilot, "14 orphans")
        await pilot.press("escape")
        assert "scanning" not in await shown(pilot, "documents 16")


async def runs_in(folder: Path) -> list[str]:
    """The states of the scans that are recorded, the newest first."""
    return [run.state for run in await FolderRunStore(folder).page(10)]


async def test_a_first_visit_starts_a_scan_where_none_is_fresh(service: OrphansService, tmp_path: Path) -> None:
    """In a process of its own, once; nobody starts another beside it, or where the newest still tells how it is."""
    async with screen_on(service, scan_desk(service, tmp_path), tmp_path).run_test(size=SIZE) as pilot:
        await shown(pilot, "scanning: planned")
        await pilot.press("r")
        await shown(pilot, "no scan yet")
        assert await runs_in(tmp_path) == ["planned"]
    await scan_now(service)
    async with screen_on(service, scan_desk(service, tmp_path), tmp_path).run_test(size=SIZE) as pilot:
        await shown(pilot, "13 orphans")
        await shown(pilot, "● live")
        assert await runs_in(tmp_path) == ["done", "planned"]


async def test_an_old_scan_is_shown_while_a_new_one_is_made(
    service: OrphansService, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the program itself, as on a first visit in the morning after the night's scan."""
    await scan_now(service)
    platform.olorin.dubbing_sessions.insert_one({"partner_id": "p-12"})
    for name, value in {**platform.environment(), "OLORIN_CONSOLE_STATE": str(tmp_path)}.items():
        monkeypatch.setitem(os.environ, name, value)
    now = service.now
    assert isinstance(now, Clock)
    now.pass_(minutes=6)
    app = screen_on(service, scan_desk(service, tmp_path, console), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "13 orphans")
        await shown(pilot, "14 orphans", within_s=30)
        platform.olorin.dubbing_sessions.insert_one({"partner_id": "p-13"})
        await pilot.press("r")
        await shown(pilot, "15 orphans", within_s=30)


async def test_a_halt_keeps_a_scan_from_starting_and_is_told(service: OrphansService, tmp_path: Path) -> None:
    store = FolderRunStore(tmp_path)
    gate = Gate(AuditTrail(tmp_path), AUTHOR, Arming(), production=True)
    async with gate.act(Act("runs.halt", store.where, reads=True), Consent("screen", explicit=True)) as token:
        await store.halt(token, Halt("orphans.scan", "eva@db2", "incident", None))
    app = screen_on(service, scan_desk(service, tmp_path), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "orphans.scan is halted by eva@db2")
        assert await runs_in(tmp_path) == []


async def test_below_a_reference_r_reads_the_page_again(app: StagedApp, platform: Platform) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_dubbing(pilot)
        await pilot.press("end", "enter")
        await shown(pilot, "1 to 2")
        platform.olorin.dubbing_sessions.delete_one({"partner_id": "idle"})
        await pilot.press("r")
        await shown(pilot, "1 to 1")


async def test_nasty_text_is_shown_literally(app: StagedApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        assert "zz␛[2J[/red]" in await go_to_dubbing(pilot)
        await pilot.press("end", "up", "enter")
        assert "s-zz␛[2J[/red]" in await shown(pilot, "1 to 1")


async def test_nobody_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://ops:sesame99@127.0.0.1:9/"}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    app = screen_on(service, scan_desk(service, tmp_path), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        text = await shown(pilot, "cannot connect")
        assert "MONGODB_URI" in text
        assert "sesame99" not in text
        assert await runs_in(tmp_path) == []
    await mongo.aclose()


async def test_a_server_that_goes_away_leaves_what_was_known(tmp_path: Path) -> None:
    server = MongoServer(tmp_path / "mongo", durable=False)
    await server.start()
    mongo = MongoClients(mongo_targets({"MONGODB_URI": server.url}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    with platform_on(server.url, "bayit_plus") as platform:
        platform.bayit.integration_partners.insert_one({"partner_id": "acme"})
        platform.bayit.dubbing_sessions.insert_many([{"partner_id": each} for each in ("gone", "lost")])
    await scan_now(service)
    app = screen_on(service, scan_desk(service, tmp_path), tmp_path)
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
