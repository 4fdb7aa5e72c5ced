"""The separation's page on real servers: plan, arm, confirm, a run of its own, proof, differences, ways back."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from backends.clients.errors import NotConfigured
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.migrations.olorin.desk import SeparationDesk
from backends.migrations.olorin.model import BuiltIndex
from backends.migrations.service import MigrationsService
from backends.runs.mongo_store import MongoRunStore
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.starting import RunStarter, Unheard
from backends.runs.store import RunStore
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.gate import Gate
from screens.migrations import MigrationsScreen
from tests.backends.migrations.olorin.conftest import service_of
from tests.backends.migrations.olorin.migrating import AUTHOR, QUICK, Bench
from tests.olorin import Platform, platform_on
from tests.screens.test_orphan_acts import told
from tests.stage import StagedApp, shown, staged
from tests.waiting import until

SIZE = (120, 40)


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.usage_records.insert_many([{"_id": f"u{number}", "n": number} for number in range(40)])
        platform.bayit.recap_sessions.insert_many([{"_id": number, "session_id": "s"} for number in range(3)])
        yield platform


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[MongoClients]:
    clients = platform.clients()
    yield clients
    await clients.aclose()


def app_of(platform: Platform, mongo: MongoClients, state: Path, *, flag: bool = False) -> StagedApp:
    """The screen with the flag as given; what it starts is the real command."""
    bench = Bench(platform, mongo, state)
    service = service_of(platform, mongo, state, flag)
    arming = Arming()
    gate = Gate(AuditTrail(state), AUTHOR, arming, production=False)

    def resume(run_id: str, _: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "console", "runs", "resume", run_id, "--json")

    main = MongoRunStore(mongo, service.places.source, QUICK)
    runs = RunsService([bench.store, main], AUTHOR, state, resume, QUICK)

    def runner(store: RunStore) -> Runner:
        return Runner(store, service.job, gate, AUTHOR, "1.0", Unheard(), QUICK)

    starter = RunStarter(runs, [bench.store, main], runner, gate)
    desk = SeparationDesk(service, (lambda: bench.store, lambda: main), lambda: starter)
    nothing = PostgresClient(NotConfigured("It is not configured."))
    migrations = MigrationsService(mongo, service.places.move, nothing, nothing)
    app = staged(state, "3", lambda frame: MigrationsScreen(frame, migrations, runs, lambda: desk))
    app.frame = replace(app.frame, arming=arming, gate=lambda: gate)
    return app


@pytest.fixture
def environment(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the runs' own processes are told."""
    said = platform.environment(OLORIN_USE_SEPARATE_DATABASE="false", OLORIN_CONSOLE_STATE=str(tmp_path))
    for name, value in said.items():
        monkeypatch.setitem(os.environ, name, value)


async def opened(pilot: Pilot[int]) -> None:
    await shown(pilot, "usage_records")
    await pilot.press("enter")
    await shown(pilot, "Ways back")


@pytest.mark.usefixtures("environment")
async def test_from_the_plan_to_the_proof(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    app, bench = app_of(platform, mongo, tmp_path), Bench(platform, mongo, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await shown(pilot, "never executed")
        await pilot.press("d")
        await shown(pilot, "partner_id is missing")
        await pilot.press("x")
        assert "usage_records  40 to copy" in await shown(pilot, "▲ source: the source has no")
        await pilot.press("y")
        await shown(pilot, "read-only: ! arms")
        assert platform.olorin.list_collection_names() == []
        await pilot.press("exclamation_mark", "y")
        await told(pilot, "started; its log is")
        text = await shown(pilot, "ready to switch")
        assert "OLORIN_USE_SEPARATE_DATABASE=true" in text
        bench.check_same()
        await pilot.press("v")
        await told(pilot, "passed: both sides are the same")
        await shown(pilot, "(b builds it)")
        run = (await bench.store.page(1))[0]
        platform.olorin.console_run_controls.update_one({"_id": run.id}, {"$set": {"want": "stop"}})
        await until(lambda: platform.olorin.console_runs.count_documents({"state": "stopped"}) == 1, within_s=30)


async def test_what_differs_is_browsed_field_by_field(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    bench = Bench(platform, mongo, tmp_path)
    await bench.execute()
    platform.olorin.usage_records.update_one({"_id": "u7"}, {"$set": {"n": "[red]seven"}})
    platform.olorin.usage_records.delete_one({"_id": "u8"})
    platform.olorin.usage_records.insert_one({"_id": "only here"})
    await bench.service().verify()
    async with app_of(platform, mongo, tmp_path).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await shown(pilot, "the verification of")
        await pilot.press("down", "enter")
        text = await shown(pilot, "1 missing, 1 extra, 1 different")
        assert all(f'"{each}"' in text for each in ("u7", "u8", "only here"))
        await pilot.press("slash", *"u7", "enter", "enter")
        assert '{"$numberInt": "7"}' in await shown(pilot, '"[red]seven"')


async def test_what_the_platform_declares_is_built(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    bench = Bench(platform, mongo, tmp_path)
    await bench.execute()
    await bench.service().verify()
    async with app_of(platform, mongo, tmp_path).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await shown(pilot, "(b builds it)")
        await pilot.press("b")
        await shown(pilot, "usage_records  partner_id, granularity, period_start desc")
        await pilot.press("exclamation_mark", "y")
        await told(pilot, "passed: both sides are the same")
    assert await bench.build_indexes() == tuple[BuiltIndex, ...]()


@pytest.mark.usefixtures("environment")
async def test_after_the_switch(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    bench = Bench(platform, mongo, tmp_path)
    await bench.execute()
    await bench.service().verify()
    platform.olorin.usage_records.insert_one({"_id": "after the switch"})
    assert (await bench.service(True).verify()).passed
    async with app_of(platform, mongo, tmp_path, flag=True).run_test(size=SIZE) as pilot:
        await opened(pilot)
        text = await shown(pilot, "since the switch 1 new, 0 changed, 0 deleted")
        assert "→ immediate" in text.replace("→  ", "→ ")
        await pilot.press("x")
        assert "There is no backup of main" in await shown(pilot, "usage_records  40 documents")
        await pilot.press("exclamation_mark", "y")
        await told(pilot, "2 collections set aside")
        await pilot.press("X")
        await shown(pilot, "can't be undone")
        await pilot.press("y")
        await told(pilot, "There is no backup of main")
        assert len([name for name in platform.bayit.list_collection_names() if "__moved_" in name]) == 2
        await pilot.press("tab", "tab", "z")
        await shown(pilot, "Roll back: immediate")
        await pilot.press("y")
        await told(pilot, "The flag is not off")
    async with app_of(platform, mongo, tmp_path).run_test(size=SIZE) as pilot:
        await opened(pilot)
        await shown(pilot, "a switch was seen")
        await pilot.press("exclamation_mark", "tab", "tab", "z")
        await shown(pilot, "Roll back: immediate")
        await pilot.press("y")
        await until(lambda: platform.bayit.usage_records.count_documents({}) == 41, within_s=40)
        await until(lambda: platform.bayit.console_runs.count_documents({"state": "done"}) == 1, within_s=30)
