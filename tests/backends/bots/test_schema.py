"""The schema as Postgres takes it: defaults of its own, names that don't clash, children that go with their session."""

from __future__ import annotations

from collections import Counter

import asyncpg
import pytest

from backends.bots.schema import Base
from console.demo import seed_orchestration

CHILDREN = sorted(
    table.name
    for table in Base.metadata.tables.values()
    if "session_id" in table.columns and table.name != "bot_sessions"
)


async def created(url: str) -> asyncpg.Connection[asyncpg.Record]:
    await seed_orchestration.write(url, {})
    return await asyncpg.connect(url)


async def test_a_row_written_by_plain_sql_is_whole(postgres_database: str) -> None:
    connection = await created(postgres_database)
    row = await connection.fetchrow("INSERT INTO bot_sessions (bot_id, meeting_id) VALUES ('b', 'm') RETURNING *")
    assert row is not None
    defaults = ("status", "bot_type", "recovering", "enable_translation", "enable_transcription")
    assert [row[name] for name in defaults] == ["pending", "google_meet", False, True, True]
    assert (row["enable_virtual_webcam"], row["audio_storage_enabled"]) == (False, True)
    assert row["session_id"].version == 4
    assert row["created_at"].tzinfo is not None
    event = await connection.fetchrow(
        "INSERT INTO session_events (event_type, event_name, source) VALUES ('a', 'b', 'c') RETURNING *"
    )
    assert event is not None
    assert (event["severity"], event["session_id"]) == ("info", None)
    await connection.close()


async def test_every_child_goes_with_its_session(postgres_database: str) -> None:
    connection = await created(postgres_database)
    found = await connection.fetch(
        "SELECT conrelid::regclass::text AS child, confdeltype::text AS action FROM pg_constraint "
        "WHERE contype = 'f' AND confrelid = 'bot_sessions'::regclass"
    )
    assert sorted(row["child"] for row in found) == CHILDREN
    assert {row["action"] for row in found} == {"c"}
    await connection.close()


async def test_an_unknown_status_and_a_file_beyond_2_gib_are_taken(postgres_database: str) -> None:
    connection = await created(postgres_database)
    session_id = await connection.fetchval(
        "INSERT INTO bot_sessions (bot_id, meeting_id, status) VALUES ('b', 'm', 'hibernating') RETURNING session_id"
    )
    await connection.execute(
        "INSERT INTO audio_files (session_id, filename, file_path, file_size, file_hash, mime_type) "
        "VALUES ($1, 'f', 'p', $2, 'h', 'audio/wav')",
        session_id,
        3 * 2**30,
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_session_statistics_session_id"):
        await connection.execute("INSERT INTO session_statistics (session_id) VALUES ($1), ($1)", session_id)
    await connection.close()


def test_no_name_is_used_twice() -> None:
    tables = Base.metadata.tables.values()
    names = [str(index.name) for table in tables for index in table.indexes]
    names += [str(constraint.name) for table in tables for constraint in table.constraints]
    assert [name for name, count in Counter(names).items() if count > 1 or name == "None"] == []
    assert all(len(name) <= 63 for name in names)
