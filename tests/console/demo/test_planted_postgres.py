"""The planted counts of the Postgres databases, counted again by queries of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import asyncpg
import pytest

from backends.bots.schema import Base

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SESSIONS = {
    "failed.bot_sessions": """
        SELECT count(*) FROM bot_sessions s WHERE status = 'failed' AND error_message <> '' AND EXISTS (
            SELECT FROM session_events e WHERE e.session_id = s.session_id AND severity IN ('error', 'critical'))""",
    "live.bot_sessions": """
        SELECT count(*) FROM bot_sessions WHERE bot_id LIKE 'sim-%' AND ended_at IS NULL
            AND status IN ('pending', 'starting', 'active', 'paused', 'stopping')""",
    "ghost.bot_sessions": """
        SELECT count(*) FROM bot_sessions s WHERE status = 'active' AND bot_id NOT LIKE 'sim-%'
            AND (SELECT max(start_time) FROM transcripts t WHERE t.session_id = s.session_id) < now() - interval '1 h'
            AND (SELECT max(timestamp) FROM session_events e WHERE e.session_id = s.session_id)
                < now() - interval '1 hour'
            AND (SELECT max(created_at) FROM audio_files a WHERE a.session_id = s.session_id)
                < now() - interval '1 hour'""",
    "empty.bot_sessions": """
        SELECT count(*) FROM bot_sessions s WHERE status = 'completed'
            AND NOT EXISTS (SELECT FROM transcripts t WHERE t.session_id = s.session_id)
            AND NOT EXISTS (SELECT FROM audio_files a WHERE a.session_id = s.session_id)
            AND NOT EXISTS (SELECT FROM participants p WHERE p.session_id = s.session_id)""",
    "unknown_status.bot_sessions": """
        SELECT count(*) FROM bot_sessions WHERE status NOT IN ('pending', 'starting', 'active', 'paused', 'stopping',
            'completed', 'failed', 'ended', 'terminated', 'stopped')""",
    "out_of_range.audio_files": "SELECT count(*) FROM audio_files WHERE sample_rate < 8000",
    "out_of_range.correlations": "SELECT count(*) FROM correlations WHERE confidence > 1",
    "no_end.bot_sessions": "SELECT count(*) FROM bot_sessions WHERE status = 'completed' AND ended_at IS NULL",
    "legacy_status.bot_sessions": """
        SELECT count(*) FROM bot_sessions WHERE status IN ('ended', 'terminated', 'stopped')""",
    "nasty.bot_sessions.meeting_title": r"""
        SELECT count(*) FROM bot_sessions WHERE meeting_title ~ '[\[\x1b\u202e\u0085]'""",
    "nasty.transcripts.text": r"SELECT count(*) FROM transcripts WHERE text ~ '[\[\x1b\u202e\u0085]'",
    "rows.orchestration.bot_sessions": "SELECT count(*) FROM bot_sessions",
}
CHUNKS = {
    "hot.chunks.collection_id": "SELECT max(n) FROM (SELECT count(*) n FROM chunks GROUP BY collection_id) counts",
    "no_embedding.chunks": "SELECT count(*) FROM chunks WHERE embedding_vector_id IS NULL",
    "orphans.chunks.document_id": """
        SELECT count(*) FROM chunks c WHERE document_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM documents d WHERE d.id = c.document_id)""",
    "null.chunks.document_id": "SELECT count(*) FROM chunks WHERE document_id IS NULL",
    "failed.operations": "SELECT count(*) FROM operations WHERE status = 'failed'",
    "gone.migration_backups": """
        SELECT count(*) FROM migration_backups
        WHERE retention_until < now() AND to_regclass(backup_table_name) IS NULL""",
    **{
        f"rows.semantik.{table}": f"SELECT count(*) FROM {table}"
        for table in (
            "users",
            "chunking_strategies",
            "chunking_configs",
            "collections",
            "documents",
            "operations",
            "migration_backups",
            "chunks",
        )
    },
}


@pytest.fixture
async def orchestration(demo_env: dict[str, str]) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(demo_env["ORCHESTRATION_DATABASE_URL"])
    yield connection
    await connection.close()


@pytest.fixture
async def semantik(demo_env: dict[str, str]) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(demo_env["CHUNKS_DATABASE_URL"])
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", SESSIONS)
async def test_sessions(orchestration: Connection, planted: dict[str, int], name: str) -> None:
    assert planted[name] == await orchestration.fetchval(SESSIONS[name]) > 0


@pytest.mark.parametrize("name", CHUNKS)
async def test_chunks(semantik: Connection, planted: dict[str, int], name: str) -> None:
    assert planted[name] == await semantik.fetchval(CHUNKS[name]) > 0


async def test_every_planted_name_is_counted_by_a_test(planted: dict[str, int]) -> None:
    mongo = ("orphans", "malformed", "suspended", "active", "duplicates", "migration", "soft_deleted", "shared_prefix")
    elsewhere = (
        *mongo,
        "upper_case",
        "intentional",
        "null",
        "ttl",
        "rows.bayit_plus",
        "rows.olorin",
        "config",
        "nasty",
        "stray",
    )
    assert [name for name in planted if name not in SESSIONS | CHUNKS and not name.startswith(elsewhere)] == []


async def test_the_tables_are_the_schema_s(orchestration: Connection) -> None:
    found = await orchestration.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in found} == set(Base.metadata.tables)
    indexes = await orchestration.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")
    declared = {index.name for table in Base.metadata.tables.values() for index in table.indexes}
    assert declared <= {row["indexname"] for row in indexes}


async def test_a_session_goes_with_all_that_belongs_to_it(orchestration: Connection) -> None:
    transaction = orchestration.transaction()
    await transaction.start()
    session_id = await orchestration.fetchval("SELECT session_id FROM bot_sessions WHERE bot_id = 'bot-0000'")
    assert await orchestration.fetchval("SELECT count(*) FROM transcripts WHERE session_id = $1", session_id) > 0
    await orchestration.execute("DELETE FROM bot_sessions WHERE session_id = $1", session_id)
    for table in ("transcripts", "translations", "audio_files", "session_statistics", "stage_metrics"):
        assert await orchestration.fetchval(f"SELECT count(*) FROM {table} WHERE session_id = $1", session_id) == 0
    await transaction.rollback()


async def test_stored_statistics_are_true(orchestration: Connection) -> None:
    wrong = await orchestration.fetch(
        """
        SELECT s.session_id FROM session_statistics s
        WHERE total_transcripts <> (SELECT count(*) FROM transcripts t WHERE t.session_id = s.session_id)
           OR total_audio_files <> (SELECT count(*) FROM audio_files a WHERE a.session_id = s.session_id)
           OR abs(total_audio_duration
                  - (SELECT sum(duration) FROM audio_files a WHERE a.session_id = s.session_id)) > 0.1
        """
    )
    assert wrong == []


async def test_chunks_lie_where_the_application_put_them(semantik: Connection) -> None:
    partitions = await semantik.fetch(
        "SELECT inhrelid::regclass::text p FROM pg_inherits WHERE inhparent = 'chunks'::regclass"
    )
    assert sorted(row["p"] for row in partitions) == [f"chunks_part_{key:02}" for key in range(100)]
    assert (
        await semantik.fetchval("SELECT count(*) FROM chunks WHERE partition_key <> abs(hashtext(collection_id)) % 100")
        == 0
    )
    indexes = await semantik.fetchval("SELECT count(*) FROM pg_indexes WHERE tablename = 'chunks_part_07'")
    assert indexes == 9
    assert await semantik.fetchval("SELECT nextval('chunks_id_seq') > max(id) FROM chunks")


async def test_another_key_than_the_trigger_s_is_refused(semantik: Connection) -> None:
    collection = await semantik.fetchval("SELECT id FROM collections LIMIT 1")
    with pytest.raises(asyncpg.FeatureNotSupportedError, match="moving row to another partition"):
        await semantik.execute(
            "INSERT INTO chunks (collection_id, partition_key, chunk_index, content) "
            "VALUES ($1::text, (abs(hashtext($1::text)) + 1) % 100, 0, 'x')",
            collection,
        )
