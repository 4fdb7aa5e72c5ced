"""Screen 3 on real servers: the parts, the one under the cursor, runs, and what can't be asked."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from textual.pilot import Pilot

from backends.clients.errors import NotConfigured
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import MongoTarget, PostgresTarget, Role, separate_target
from backends.migrations.separation import Move
from backends.migrations.service import MigrationsService
from backends.runs import postgres_store
from backends.runs.mongo_store import MongoRunStore
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.service import RunsService
from backends.safety.author import this_author
from screens.migrations import MigrationsScreen
from tests.backends.migrations import layouts
from tests.fixed_runs import FixedRuns
from tests.olorin import T0, Platform, platform_on
from tests.stage import StagedApp, shown, staged

TALL, SHORT = (120, 40), (80, 24)
NOBODY = MongoTarget("mongodb://ops:sesame99@127.0.0.1:9/?directConnection=true", "olorin", "OLORIN_MONGODB_URL")


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.usage_records.insert_many([{} for _ in range(12)])
        platform.olorin.usage_records.insert_many([{} for _ in range(5)])
        yield platform


@pytest.fixture
async def chunks(postgres_database: str) -> AsyncIterator[PostgresClient]:
    admin = await asyncpg.connect(postgres_database)
    await admin.execute(layouts.hash_partitions(16))
    await admin.execute("INSERT INTO chunks (collection_id) SELECT 'c-' || n % 7 FROM generate_series(1, 1000) AS n")
    await admin.execute("ANALYZE chunks")
    await admin.close()
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    yield client
    await client.aclose()


def nothing(variable: str) -> PostgresClient:
    return PostgresClient(NotConfigured("It is not configured.", hint=f"Set {variable}."))


@pytest.fixture
def app(platform: Platform, mongo: MongoClients, chunks: PostgresClient, tmp_path: Path) -> StagedApp:
    """Olorin and the chunks are there, the bot sessions are not configured."""
    move = Move(False, separate_target(platform.environment()))
    service = MigrationsService(mongo, move, chunks, nothing("ORCHESTRATION_DATABASE_URL"))
    author = this_author("demo", "staging", "olorin test")
    stores = (MongoRunStore(mongo, mongo.target(Role.OLORIN)), PostgresRunStore(chunks))
    runs = RunsService(stores, author, tmp_path, lambda run_id, typed: ())
    return staged(tmp_path, "3", lambda frame: MigrationsScreen(frame, service, runs))


def command(pilot: Pilot[int]) -> str:
    found = pilot.app.screen
    assert isinstance(found, MigrationsScreen)
    return found.command()


async def test_a_tall_terminal_shows_every_part(app: StagedApp) -> None:
    async with app.run_test(size=TALL) as pilot:
        await shown(pilot, "not migrated: 7 documents of 1 collection to move")
        await shown(pilot, "HASH 16, 1,000 rows")
        text = await shown(pilot, "no run yet")
        for seen in (
            "usage_records",
            "12",
            "● to move",
            "HASH 16 on (collection_id)",
            "Set ORCHESTRATION_DATABASE_URL",
        ):
            assert seen in text


async def test_a_short_terminal_shows_the_part_under_the_cursor(app: StagedApp) -> None:
    async with app.run_test(size=SHORT) as pilot:
        assert "× mean" not in await shown(pilot, "usage_records")
        assert command(pilot) == "migrate olorin --status"
        await pilot.press("down")
        assert "usage_records" not in await shown(pilot, "× mean")
        assert command(pilot) == "migrate chunks --status"
        await pilot.press("down")
        await shown(pilot, "Set ORCHESTRATION_DATABASE_URL")
        await pilot.press("down")
        await shown(pilot, "no run yet")


async def test_the_filter_narrows_the_collections(app: StagedApp) -> None:
    async with app.run_test(size=TALL) as pilot:
        await shown(pilot, "recap_sessions")
        await pilot.press("slash", *"usage", "enter")
        assert "recap_sessions" not in await shown(pilot, "usage_records")


async def test_runs_of_every_database_are_listed(app: StagedApp, platform: Platform, postgres_database: str) -> None:
    platform.olorin.console_runs.insert_one(
        {"_id": "r-1", "kind": "olorin", "state": "failed", "since": T0, "created_at": T0, "why": "disk full"}
    )
    progress = {"units": [{"name": "usage_records", "total": 200, "done": 50}]}
    platform.olorin.console_run_checkpoints.insert_one({"_id": "r-1", "progress": progress})
    admin = await asyncpg.connect(postgres_database)
    await admin.execute(query(postgres_store.__file__, "tables"))
    await admin.execute(query(postgres_store.__file__, "create"), "r-2", "chunks", "", "database", "", "{}", "ops", "1")
    await admin.execute("UPDATE console_runs SET state = 'holding'")
    await admin.close()
    async with app.run_test(size=TALL) as pilot:
        await shown(pilot, "r-1 is failed: disk full")
        text = await shown(pilot, "r-2")
        assert "✖ failed" in text
        assert " 25%" in text
        assert "● holding" in text


async def test_a_target_that_is_down_hides_nothing_else(
    mongo: MongoClients, chunks: PostgresClient, tmp_path: Path
) -> None:
    service = MigrationsService(mongo, Move(False, NOBODY), chunks, nothing("ORCHESTRATION_DATABASE_URL"))
    app = staged(tmp_path, "3", lambda frame: MigrationsScreen(frame, service, FixedRuns()))
    async with app.run_test(size=TALL) as pilot:
        await shown(pilot, "cannot connect")
        text = await shown(pilot, "where: mongodb://ops:")
        assert "12" in text
        assert "no data" in text
        await shown(pilot, "HASH 16 on (collection_id")
        assert "sesame99" not in text
