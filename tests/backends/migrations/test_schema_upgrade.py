"""The bot-session schema's revisions on real servers: from nothing, from model A with rows in it, and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from backends.bots.notifications import FUNCTION, TOLD
from backends.bots.schema import Base
from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.migrations.model import SchemaStep
from backends.migrations.model_a import model_a
from backends.migrations.schema_revisions import FOLDER, pending, revisions, scripts, sql
from backends.migrations.schema_upgrade import Moved, go_to
from backends.safety.gate import Act, Consent, Gate
from tests.backends.migrations.conftest import SERVERS
from tests.postgres import own_database

Admin = asyncpg.Connection
FLAG = Consent("command", explicit=True)
SESSION = "11111111-1111-1111-1111-11111111111{}"


async def upgrade(gate: Gate, postgres: PostgresClient, target: str = "head") -> Moved:
    async with gate.act(Act("schema.upgrade", postgres.target.where), FLAG) as token:
        return await go_to(token, postgres, target)


async def downgrade(gate: Gate, postgres: PostgresClient, target: str) -> Moved:
    async with gate.act(Act("schema.downgrade", postgres.target.where), FLAG) as token:
        return await go_to(token, postgres, target, back=True)


async def differences(url: str, model: object) -> list[object]:
    """What the database lacks or has besides the model; the console's own tables left out."""

    def compare(connection: Connection) -> list[object]:
        opts = {"compare_type": True, "compare_server_default": True, "include_name": _ours}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, model))  # type: ignore[arg-type]

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as session:
        found = await session.run_sync(compare)
    await engine.dispose()
    return found


def _ours(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("console_")


async def make(url: str, model: MetaData) -> None:
    """All tables of a model, as the service itself would make them."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as session:
        await session.run_sync(model.create_all)
    await engine.dispose()


async def make_model_a(url: str) -> None:
    await make(url, model_a())


SHAPE = """
    SELECT 'column', attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod), attnotnull::text,
        coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE attrelid = ANY($1::text[]::regclass[]) AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE tablename = ANY($1)
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, ''
    FROM pg_constraint WHERE conrelid = ANY($1::text[]::regclass[]) AND contype <> 'n'
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, ''
    FROM pg_trigger WHERE tgrelid = ANY($1::text[]::regclass[]) AND NOT tgisinternal
"""
"""What the catalogue says of tables; order of columns and names of NOT NULL constraints left out."""


@pytest.fixture(params=SERVERS)
async def postgres_database(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Of the one server, and with `make faults` of the older one too."""
    async with own_database(str(request.getfixturevalue(request.param))) as made:
        yield made


@pytest.fixture(params=["postgres_url", "postgres_15"])
def server(request: pytest.FixtureRequest) -> str:
    """Each of the two servers."""
    return str(request.getfixturevalue(request.param))


async def test_what_the_revisions_make_is_the_model(server: str, gate: Gate) -> None:
    """Made by the model, migrated from nothing, from model A: the same columns, defaults, indexes, keys, triggers."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for number, made in enumerate([Base.metadata, MetaData(), model_a()]):
        async with own_database(server) as own:
            await make(own, made)
            client = PostgresClient(PostgresTarget(own, "ORCHESTRATION_DATABASE_URL"))
            if number:
                await upgrade(gate, client)
            await client.aclose()
            admin = await asyncpg.connect(own)
            rows = await admin.fetch(SHAPE, list(Base.metadata.tables))
            found[str(number)] = {tuple(row) for row in rows}
            await admin.close()
    assert len(found["0"]) > 150
    assert found["1"] - found["0"] == set() == found["0"] - found["1"]
    assert found["2"] - found["0"] == set() == found["0"] - found["2"]


async def fill(admin: Admin) -> None:
    """Sessions with words of each vocabulary, one whose end only its last transcript tells."""
    words = ["running", "ended", "error", "Recovering", "exploded", "pending"]
    for number, word in enumerate(words):
        await admin.execute(
            "INSERT INTO bot_sessions (session_id, bot_id, meeting_id, bot_type, status, created_at,"
            " enable_translation, enable_transcription, enable_virtual_webcam, audio_storage_enabled)"
            " VALUES ($1, 'b', 'm', 'google_meet', $2, timestamp '2026-01-01 10:00', true, true, false, true)",
            SESSION.format(number),
            word,
        )
    await admin.execute(
        "INSERT INTO transcripts (transcript_id, session_id, text, language, source, end_time)"
        " VALUES (gen_random_uuid(), $1, 'x', 'en', 'whisper', timestamp '2026-01-01 11:30:00.5')",
        SESSION.format(1),
    )


async def test_from_nothing_to_the_schema_and_back(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    moved = await upgrade(gate, postgres)
    assert (moved.before, moved.after) == ((), revisions().heads)
    assert await differences(postgres_database, Base.metadata) == []
    await downgrade(gate, postgres, "0001")
    assert await differences(postgres_database, model_a()) == []
    await downgrade(gate, postgres, "base")
    assert await admin.fetchval("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'bot%'") == 0


async def test_from_model_a_as_it_stands_with_its_rows(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    await make_model_a(postgres_database)
    await admin.execute("ALTER INDEX ix_bot_sessions_status RENAME TO idx_sessions_status")
    await fill(admin)
    moved = await upgrade(gate, postgres)
    assert await differences(postgres_database, Base.metadata) == []
    assert moved.counts == {"statuses_mapped": 4, "ended_at_filled": 2, "marked_recovering": 1}
    assert moved.rows["bot_sessions"] == 6
    rows = await admin.fetch(
        "SELECT status, recovering, ended_at::text, created_at::text FROM bot_sessions ORDER BY session_id"
    )
    assert [row["status"] for row in rows] == ["active", "completed", "failed", "active", "exploded", "pending"]
    assert [row["recovering"] for row in rows] == [False, False, False, True, False, False]
    await admin.execute("SET timezone = 'UTC'")
    ended = await admin.fetchval("SELECT ended_at::text FROM bot_sessions WHERE session_id = $1", SESSION.format(1))
    assert ended == "2026-01-01 11:30:00.5+00"


async def test_going_back_restores_the_words_that_nobody_changed_since(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    await make_model_a(postgres_database)
    await fill(admin)
    await upgrade(gate, postgres)
    await admin.execute("UPDATE bot_sessions SET status = 'paused' WHERE session_id = $1", SESSION.format(0))
    await downgrade(gate, postgres, "0001")
    rows = await admin.fetch("SELECT status, ended_at, created_at::text FROM bot_sessions ORDER BY session_id")
    assert [row["status"] for row in rows] == ["paused", "ended", "error", "Recovering", "exploded", "pending"]
    assert {row["ended_at"] for row in rows} == {None}
    assert {row["created_at"] for row in rows} == {"2026-01-01 10:00:00"}
    assert await differences(postgres_database, model_a()) == []


async def test_a_database_made_from_the_schema_is_adopted_without_a_change(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    engine = create_async_engine(postgres_database.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as session:
        await session.run_sync(Base.metadata.create_all)
    await engine.dispose()
    file = await admin.fetchval("SELECT pg_relation_filenode('bot_sessions')")
    assert (await upgrade(gate, postgres)).after == revisions().heads
    assert await differences(postgres_database, Base.metadata) == []
    assert await admin.fetchval("SELECT pg_relation_filenode('bot_sessions')") == file


async def test_changes_are_told_from_the_schema_on_and_no_more_after_going_back(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    await make_model_a(postgres_database)
    telling = "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = $1"
    await upgrade(gate, postgres)
    assert await admin.fetchval(telling, FUNCTION) == 2 * len(TOLD) + 1
    await downgrade(gate, postgres, "0001")
    assert await admin.fetchval(telling, FUNCTION) == 0
    assert await admin.fetchval("SELECT count(*) FROM pg_proc WHERE proname = $1", FUNCTION) == 0


async def test_half_of_model_a_is_refused_and_nothing_changed(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    await make_model_a(postgres_database)
    await admin.execute("DROP TABLE participants")
    with pytest.raises(Refused, match="no table participants"):
        await upgrade(gate, postgres)
    assert await admin.fetchval("SELECT to_regclass('alembic_version') IS NULL")


async def test_rows_are_never_dropped_by_going_back(admin: Admin, postgres: PostgresClient, gate: Gate) -> None:
    await upgrade(gate, postgres)
    await admin.execute("INSERT INTO processing_metrics (total_processing_time_ms) VALUES (1)")
    with pytest.raises(Refused, match="processing_metrics holds rows"):
        await downgrade(gate, postgres, "0001")
    await admin.execute("DELETE FROM processing_metrics")
    await downgrade(gate, postgres, "0001")
    await admin.execute(
        "INSERT INTO session_events (event_id, event_type, event_name, timestamp, severity, source)"
        " VALUES (gen_random_uuid(), 'a', 'b', now(), 'info', 'c')"
    )
    with pytest.raises(Refused, match="holds rows"):
        await downgrade(gate, postgres, "base")


async def test_a_lock_that_is_not_to_be_had_names_its_holder(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    await make_model_a(postgres_database)
    await upgrade(gate, postgres, "0001")
    blocker = await asyncpg.connect(postgres_database, server_settings={"application_name": "night report"})
    async with blocker.transaction():
        await blocker.execute("SELECT FROM bot_sessions")
        with pytest.raises(Refused) as raised:
            await upgrade(gate, postgres)
        assert f"pid {blocker.get_server_pid()}" in raised.value.hint
        assert "night report" in raised.value.hint
    await blocker.close()
    assert (await upgrade(gate, postgres)).before == ("0001",)


async def test_what_others_write_meanwhile_is_converted_and_not_lost(
    admin: Admin, postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    """A status that is being changed when the upgrade begins is waited for, and a row that comes with it."""
    await make_model_a(postgres_database)
    await fill(admin)
    await upgrade(gate, postgres, "0002")
    writer = await asyncpg.connect(postgres_database)
    async with writer.transaction():
        await writer.execute("UPDATE bot_sessions SET status = 'ended' WHERE session_id = $1", SESSION.format(0))
        await writer.execute(
            "INSERT INTO transcripts (session_id, text, language, source) VALUES ($1, 'y', 'en', 'whisper')",
            SESSION.format(0),
        )
        upgrading = asyncio.create_task(upgrade(gate, postgres))
        waits = 0
        async with asyncio.timeout(60):
            while not waits:
                waits = await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    moved = await upgrading
    await writer.close()
    assert moved.rows["transcripts"] == 2
    status = await admin.fetchval("SELECT status FROM bot_sessions WHERE session_id = $1", SESSION.format(0))
    assert status == "completed"


async def test_two_upgrades_at_once_are_one(postgres: PostgresClient, gate: Gate) -> None:
    first, second = await asyncio.gather(upgrade(gate, postgres), upgrade(gate, postgres))
    assert {first.before, second.before} == {(), revisions().heads}


async def test_each_step_takes_no_stronger_lock_than_it_says(
    admin: Admin, postgres: PostgresClient, postgres_database: str
) -> None:
    """Each step is executed from its own preview, and its locks on tables that were there are looked at."""
    await make_model_a(postgres_database)
    await fill(admin)
    await admin.execute(sql("base", "0001").split("CREATE TABLE bot_sessions")[0].replace("BEGIN;", "").strip())
    await admin.execute("INSERT INTO alembic_version VALUES ('0001')")
    for step in reversed(revisions().history[:-1]):
        there = [row[0] for row in await admin.fetch("SELECT oid FROM pg_class WHERE relkind = 'r'")]
        async with admin.transaction():
            text = sql(str(step.before), step.id).replace("BEGIN;", "").replace("COMMIT;", "")
            await admin.execute(text)
            modes = await admin.fetch(
                "SELECT mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE pid = pg_backend_pid()"
                " AND granted AND relation = ANY($1) AND c.relnamespace = 'public'::regnamespace",
                there,
            )
        taken = max((row["mode"] for row in modes), key=_STRENGTH.index)
        assert taken.replace("Lock", "") == step.lock.title().replace(" ", "")


_STRENGTH = [
    f"{mode}Lock"
    for mode in (
        "AccessShare",
        "RowShare",
        "RowExclusive",
        "ShareUpdateExclusive",
        "Share",
        "ShareRowExclusive",
        "Exclusive",
        "AccessExclusive",
    )
]


def test_pending() -> None:
    assert pending(("0001",)) == ("0002", "0003")
    assert pending(revisions().heads) == ()
    assert pending(None) == ()
    assert pending(()) == ("0001", "0002", "0003"), "a table of versions that is empty"
    with pytest.raises(Refused, match="f00 is no revision"):
        pending(("f00",))


def test_revisions_are_read_as_alembic_reads_them() -> None:
    script = scripts()
    told = [
        SchemaStep(each.revision, each.down_revision, each.doc.splitlines()[0], each.module.LOCK)
        for each in script.walk_revisions()
        if isinstance(each.down_revision, str | None)
    ]
    assert (revisions().history, list(revisions().heads)) == (tuple(told), script.get_heads())


def test_two_heads_are_seen(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text())
    extra = (FOLDER / "r0003_statuses.py").read_text().replace('revision = "0003"', 'revision = "0003b"')
    (tmp_path / "r0003b_other.py").write_text(extra)
    assert sorted(revisions(tmp_path).heads) == ["0003", "0003b"]
