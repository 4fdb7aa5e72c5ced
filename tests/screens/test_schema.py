"""The schema's page on a real server: from nothing to the newest revision by a key, the preview, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.migrations.schema_revisions import revisions
from backends.migrations.schema_service import SchemaService
from screens.schema import SchemaScreen
from tests.backends.backup.proven import proven
from tests.stage import shown, staged

SIZE = (120, 40)


@pytest.fixture
async def client(postgres_database: str) -> AsyncIterator[PostgresClient]:
    # Alembic's import takes its time, which is not to be the first reading's.
    await asyncio.to_thread(revisions)
    client = PostgresClient(PostgresTarget(postgres_database, "ORCHESTRATION_DATABASE_URL"))
    yield client
    await client.aclose()


async def test_upgrade_preview_and_downgrade(client: PostgresClient, tmp_path: Path, postgres_database: str) -> None:
    app = staged(tmp_path, "3", lambda frame: SchemaScreen(frame, SchemaService(client, proven)))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await shown(pilot, "under no schema version", 60.0)
        await pilot.press("p")
        await shown(pilot, "CREATE TABLE", 60.0)
        await pilot.press("escape", "u")
        await shown(pilot, "ACCESS EXCLUSIVE")
        await pilot.press("exclamation_mark", "y")
        await shown(pilot, "● at revision 0003", 60.0)
        await pilot.press("u")
        await shown(pilot, "nothing is pending")
        await pilot.press("home", "b")
        await shown(pilot, "is not behind where it is")
        await pilot.press("end", "b")
        await shown(pilot, "--downgrade 0001")
        await pilot.press("y")
        await shown(pilot, "pending: 0002, 0003", 60.0)
    admin = await asyncpg.connect(postgres_database)
    assert await admin.fetchval("SELECT version_num FROM alembic_version") == "0001"
    await admin.close()
