"""Screen 4's keys that mark, export, exempt, clean up and restore, with the runs as processes of their own."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bson import ObjectId
from textual.pilot import Pilot

from backends.clients.errors import NotConfigured
from backends.clients.model import ModelClient
from backends.clients.mongo import MongoClients
from backends.content.service import ContentService, IndexOptions
from backends.orphans.changes import OrphanChanges
from backends.runs.service import RunsService
from backends.runs.starting import RunStarter
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.gate import Gate
from screens import orphan_sources
from screens.orphans import OrphansScreen
from tests.backends.orphans.cleaner import QUICK, Cleaner, aged
from tests.olorin import T0, Clock, Platform, platform_on
from tests.scanning import console, scan_desk, scan_now
from tests.screens.changing import type_by_hand
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text

SIZE = (120, 40)


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    """Twenty sessions of a partner, and twelve of partners that are gone, ended long ago."""
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.content.insert_one({"_id": ObjectId()})
        platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
        platform.olorin.dubbing_sessions.insert_many(
            aged({"partner_id": each, "status": "ended"} for each in ["acme"] * 20 + [f"p-{n:02}" for n in range(12)])
        )
        yield platform


@pytest.fixture
def cleaner(platform: Platform, mongo: MongoClients, tmp_path: Path) -> Cleaner:
    return Cleaner(platform, mongo, tmp_path / "state", Clock())


@pytest.fixture
async def app(platform: Platform, cleaner: Cleaner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StagedApp:
    """The screen on a scan that is eight days old, and a newer one."""
    await scan_now(cleaner.orphans)
    cleaner.clock.pass_(days=8)
    await scan_now(cleaner.orphans)
    scans = scan_desk(cleaner.orphans, tmp_path / "state", console)
    arming = Arming()
    gate = Gate(AuditTrail(tmp_path), cleaner.author, arming, production=False)
    cleaner.gate = gate

    def resume(run_id: str, _: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "console", "runs", "resume", run_id, "--json")

    for name, value in {**platform.environment(), "OLORIN_CONSOLE_STATE": str(tmp_path / "state")}.items():
        monkeypatch.setitem(os.environ, name, value)
    runs = RunsService([cleaner.store], cleaner.author, tmp_path, resume, QUICK)
    starter = RunStarter(runs, [cleaner.store], lambda _: cleaner.runner, gate)
    content = ContentService(cleaner.mongo, ModelClient(NotConfigured("no model")), None, "content", IndexOptions())
    changes = OrphanChanges(cleaner.cleaning, cleaner.orphans.exemptions, scans, starter, content, "ops")
    app = staged(tmp_path, "4", lambda frame: OrphansScreen(frame, cleaner.orphans, scans, lambda: changes))
    app.frame = replace(app.frame, arming=arming, gate=lambda: gate)
    return app


async def go_to_parents(pilot: Pilot[int]) -> None:
    await shown(pilot, "12 orphans")
    await pilot.press("down", "down", "enter")
    await shown(pilot, "of 12")


async def told(pilot: Pilot[int], text: str) -> None:
    """Waits until a notification says so."""
    await until(lambda: any(text in each.message for each in pilot.app._notifications))


def partners(platform: Platform) -> set[str]:
    return {each["partner_id"] for each in platform.olorin.dubbing_sessions.find()} - {"acme"}


async def test_marked_parents_are_cleaned_up_and_restored(app: StagedApp, platform: Platform) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_parents(pilot)
        await pilot.press("m", "m")
        assert "◆ p-01" in await shown(pilot, "2 marked")
        # What one looks at is what goes: not what is marked in a list that isn't seen.
        await pilot.press("down", "down", "down", "enter")
        await shown(pilot, "› p-05")
        await pilot.press("x")
        assert "1 parent: p-05" in await shown(pilot, "Clean orphans up: 1 document")
        await pilot.press("escape", "escape")
        await shown(pilot, "2 marked")
        await pilot.press("x")
        text = await shown(pilot, "Clean orphans up: 2 documents")
        assert "2 parents: p-00, p-01" in text
        assert "dubbing_sessions.partner_id  2 documents (6 %)" in text
        assert "10 stay: not chosen" in text
        await pilot.press("y")
        await shown(pilot, "read-only: ! arms")
        assert len(partners(platform)) == 12
        await pilot.press("exclamation_mark", "y")
        await until(lambda: len(partners(platform)) == 10, within_s=30)
        assert partners(platform).isdisjoint({"p-00", "p-01"})
        await until(lambda: "marked" not in "".join(screen_text(pilot.app)))
        await until(lambda: platform.olorin.console_runs.count_documents({"state": "done"}) == 1, within_s=30)
        await pilot.press("u", *"p-01", "enter")
        assert "--parent p-01" in await shown(pilot, "goes back to where it was")
        await pilot.press("y")
        await until(lambda: len(partners(platform)) == 11, within_s=30)
        await until(lambda: platform.olorin.console_runs.count_documents({"state": "done"}) == 2, within_s=30)
        await pilot.press("u", "enter")
        await shown(pilot, "2 documents of clean-")
        await pilot.press("y")
        await until(lambda: len(partners(platform)) == 12, within_s=30)
        await until(lambda: platform.olorin.console_runs.count_documents({"state": "done"}) == 3, within_s=30)


async def test_leaving_the_dialog_changes_nothing(app: StagedApp, platform: Platform) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "12 orphans")
        await pilot.press("down", "down", "x")
        await shown(pilot, "Clean orphans up: 12 documents")
        await pilot.press("escape")
        await shown(pilot, "names a document of integration_partners")
        assert (len(partners(platform)), platform.olorin.console_runs.count_documents({})) == (12, 0)


async def test_a_share_above_half_is_typed(app: StagedApp, platform: Platform, cleaner: Cleaner) -> None:
    platform.olorin.dubbing_sessions.delete_many({"partner_id": "acme"})
    await scan_now(cleaner.orphans)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "12 orphans")
        await pilot.press("down", "down", "x")
        assert "--confirm-share 100" in await shown(pilot, "more than half goes: type 100")
        await pilot.press("exclamation_mark", "y")
        await type_by_hand(pilot, "99")
        await pilot.press("enter")
        await shown(pilot, "that is not 100")
        assert len(partners(platform)) == 12
        await type_by_hand(pilot, "100")
        await pilot.press("enter")
        await until(lambda: not partners(platform), within_s=30)
        await until(lambda: platform.olorin.console_runs.count_documents({"state": "done"}) == 1, within_s=30)


async def test_what_a_rule_refuses_is_told(app: StagedApp, cleaner: Cleaner) -> None:
    cleaner.cleaning._separated = False
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "12 orphans")
        await pilot.press("down", "down", "x")
        await told(pilot, "The databases are not separated")
        await pilot.press("u", "enter")
        await told(pilot, "There is no quarantine")


async def test_the_parent_under_the_cursor_is_exempted(app: StagedApp, platform: Platform) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_parents(pilot)
        await pilot.press("t", *"trial", "enter", *"999", "enter")
        await shown(pilot, "no clean-up touches their documents until")
        await pilot.press("exclamation_mark", "y")
        await told(pilot, "1 parent exempt")
        (kept,) = platform.olorin.console_orphan_exemptions.find()
        assert (kept["value"], kept["reason"], kept["owner"]) == ("p-00", "trial", "ops")
        assert kept["expires_at"] is not None
        await pilot.press("escape", "r")
        await shown(pilot, "exempt 1", within_s=30)


async def test_a_soft_delete_is_taken_back_with_what_it_saves(
    app: StagedApp, platform: Platform, cleaner: Cleaner
) -> None:
    deleted = ObjectId()
    platform.bayit.content.insert_one({"_id": deleted, "deleted_at": T0})
    platform.olorin.content_embeddings.insert_many([{"content_id": str(deleted), "segment_index": n} for n in range(3)])
    await scan_now(cleaner.orphans)
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, "soft-deleted 3")
        await pilot.press("enter")
        await shown(pilot, "1 to 1 of 1")
        await pilot.press("d")
        await shown(pilot, "saves 3 embeddings")
        await pilot.press("exclamation_mark", "y")
        await told(pilot, "is there again, and with it the parent of 3 documents")
        assert platform.bayit.content.find_one({"_id": deleted}) == {"_id": deleted, "deleted_at": None}


async def test_a_content_that_came_back_is_to_be_embedded_again(app: StagedApp, platform: Platform) -> None:
    back = ObjectId()
    removed = {"c": "content_embeddings", "id": ObjectId()}
    about = {"_id": removed, "field": "content_id", "parent": str(back), "at": T0}
    platform.olorin["console_quarantine_clean-1"].insert_one(about)
    platform.olorin.console_quarantines.insert_one({"_id": "clean-1", "collections": ["content_embeddings"], "at": T0})
    platform.olorin.console_run_checkpoints.insert_one({"_id": "clean-1", "progress": {"counts": {"quarantined": 1}}})
    platform.bayit.content.insert_one({"_id": back})
    async with app.run_test(size=SIZE) as pilot:
        await shown(pilot, f"olorin content embed --content-id {back}")


async def test_what_the_filter_lets_through_is_marked_on_every_page(
    app: StagedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphan_sources, "PAGE", 5)
    async with app.run_test(size=SIZE) as pilot:
        await go_to_parents(pilot)
        await pilot.press("slash", *"p-0", "enter")
        await shown(pilot, "of 10")
        await pilot.press("M")
        await shown(pilot, "of 10 by state, 10 marked")
        await pilot.press("escape", "slash", *"p-00", "enter")
        await shown(pilot, "of 1 by state, 10 marked")
        await pilot.press("M")
        await shown(pilot, "of 1 by state, 9 marked")


@pytest.mark.parametrize(("typed", "name", "lines"), [("", "csv", 11), ("jsonl", "jsonl", 10)])
async def test_the_parents_that_are_seen_are_exported(app: StagedApp, typed: str, name: str, lines: int) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await go_to_parents(pilot)
        await pilot.press("slash", *"p-0", "enter")
        await shown(pilot, "of 10")
        await pilot.press("e", *typed, "enter")
        await told(pilot, "10 parents")
        (path,) = app.frame.exports.glob(f"orphans-*.{name}")
        assert len(path.read_text().splitlines()) == lines
        assert path.stat().st_mode & 0o077 == 0
