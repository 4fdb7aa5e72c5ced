"""The bot sessions' schema over a real Postgres."""

import asyncpg
import pytest

from backends.clients.postgres import PostgresClient
from backends.migrations.model import BotTable
from backends.migrations.schema import bot_schema

Admin = asyncpg.Connection


async def test_an_empty_database(postgres: PostgresClient) -> None:
    found = await bot_schema(postgres)
    assert found.revisions is None
    assert len(found.tables) == 11
    assert set(found.tables) == {BotTable(table.name, False, None, None) for table in found.tables}


async def test_tables_with_their_rows(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute("CREATE TABLE transcripts (id int); INSERT INTO transcripts SELECT generate_series(1, 40)")
    await admin.execute("ANALYZE transcripts")
    found = await bot_schema(postgres)
    size = await admin.fetchval("SELECT pg_total_relation_size('transcripts')")
    assert [table for table in found.tables if table.present] == [BotTable("transcripts", True, 40, size)]


@pytest.mark.parametrize("revisions", [(), ("a1",), ("a1", "b2")])
async def test_revisions(admin: Admin, postgres: PostgresClient, revisions: tuple[str, ...]) -> None:
    await admin.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    await admin.executemany("INSERT INTO alembic_version VALUES ($1)", [(each,) for each in revisions])
    assert (await bot_schema(postgres)).revisions == revisions
