"""A Postgres database there and back with pg_dump, and the refusal where there is none that fits."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from backends.backup.model import Backup, Light
from backends.backup.postgres import MARK
from backends.backup.service import BackupsService
from backends.backup.tools import ToolFailed, find_tools, run
from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, mongo_targets
from backends.safety.gate import Consent, Gate
from console.demo.postgres_install import programs

FLAG = Consent("command", explicit=True)


@pytest.fixture
async def tools(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets pg_dump be found that came with the test's own server; skips where none fits a server named from outside."""
    monkeypatch.setenv("PATH", f"{programs(None)}{os.pathsep}{os.environ['PATH']}")
    connection = await asyncpg.connect(postgres_url)
    try:
        await find_tools(connection.get_server_version().major)
    except Refused as refusal:
        pytest.skip(refusal.message)
    finally:
        await connection.close()


@pytest.fixture
async def chunks(postgres_database: str, postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a database with a partitioned table, an odd name and nothing in one table."""
    connection = await asyncpg.connect(postgres_database)
    await connection.execute("""
        CREATE TABLE things (id int, body text, at timestamptz DEFAULT now()) PARTITION BY HASH (id);
        CREATE TABLE things_0 PARTITION OF things FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE things_1 PARTITION OF things FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        CREATE TABLE "Odd ""name" (x double precision, y bytea, z int GENERATED ALWAYS AS (1) STORED);
        CREATE TABLE empty ();
        INSERT INTO things SELECT n, md5(n::text) FROM generate_series(1, 2000) AS n;
        INSERT INTO "Odd ""name" SELECT random(), '\\x00ff' FROM generate_series(1, 5);
    """)
    yield connection
    await connection.close()
    server = await asyncpg.connect(postgres_url)
    await server.execute(f"DROP DATABASE IF EXISTS {name_of(postgres_database)}_test WITH (FORCE)")
    await server.close()


@pytest.fixture
async def backups(postgres_database: str, tmp_path: Path) -> AsyncIterator[BackupsService]:
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    yield BackupsService(MongoClients(mongo_targets({})), {"chunks": client}, tmp_path / "state")
    await client.aclose()


def name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


async def take(backups: BackupsService, gate: Gate, keep_test: bool = False) -> Backup:
    async with gate.act(backups.act("backup.take", "chunks"), FLAG) as token:
        return await backups.take(token, "chunks", keep_test=keep_test)


async def databases(connection: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}


@pytest.mark.usefixtures("tools")
async def test_a_backup_is_proven_and_opens_the_gate(
    backups: BackupsService, gate: Gate, chunks: asyncpg.Connection[asyncpg.Record], postgres_database: str
) -> None:
    made = await take(backups, gate)
    assert (made.proven, made.differences) == (True, ())
    counts = {part.name: part.documents for part in made.parts}
    assert (counts["public.empty"], counts['public."Odd ""name"']) == (0, 5)
    assert counts["public.things_0"] + counts["public.things_1"] == 2000
    assert (Path(made.place) / "database.dump").read_bytes().startswith(b"PGDMP")
    assert (await backups.gate("chunks", undoable=False)).light is Light.OK
    assert f"{name_of(postgres_database)}_test" not in await databases(chunks)


@pytest.mark.usefixtures("tools")
async def test_a_recorded_dump_is_restored_and_one_that_lacks_a_table_is_not_proven(
    backups: BackupsService, gate: Gate, chunks: asyncpg.Connection[asyncpg.Record]
) -> None:
    dump = Path((await take(backups, gate)).place) / "database.dump"

    async def recorded() -> Backup:
        async with gate.act(backups.act("backup.record", "chunks"), FLAG) as token:
            return await backups.record(token, "chunks", str(dump), datetime.now(UTC))

    assert (await recorded()).proven
    await chunks.execute("CREATE TABLE later AS SELECT 1 AS id")
    lacking = await recorded()
    assert (lacking.proven, lacking.differences) == (False, ("public.later: not in the backup",))


@pytest.mark.usefixtures("tools")
async def test_a_kept_test_database_is_the_same_and_is_made_anew(
    backups: BackupsService, gate: Gate, chunks: asyncpg.Connection[asyncpg.Record], postgres_database: str
) -> None:
    await take(backups, gate, keep_test=True)
    name = f"{name_of(postgres_database)}_test"
    restored = await asyncpg.connect(urlunsplit(urlsplit(postgres_database)._replace(path=f"/{name}")))
    rows = "SELECT * FROM things ORDER BY id"
    assert await restored.fetch(rows) == await chunks.fetch(rows)
    assert await restored.fetchval("SELECT shobj_description(oid, 'pg_database') FROM pg_database"
                                   " WHERE datname = current_database()") == MARK  # fmt: skip
    await restored.close()
    assert (await take(backups, gate)).proven


@pytest.mark.usefixtures("tools")
async def test_a_test_database_of_somebody_else_is_not_touched(
    backups: BackupsService, gate: Gate, chunks: asyncpg.Connection[asyncpg.Record], postgres_database: str
) -> None:
    name = f"{name_of(postgres_database)}_test"
    await chunks.execute(f"CREATE DATABASE {name}")
    with pytest.raises(Refused, match="exists already"):
        await take(backups, gate)
    assert name in await databases(chunks)
    assert (await backups.gate("chunks", undoable=False)).light is Light.RED


@pytest.mark.usefixtures("tools")
async def test_writes_meanwhile_are_in_neither_the_dump_nor_its_digest(
    backups: BackupsService, gate: Gate, chunks: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The tables are counted after pg_dump ended; one that sees later rows would not be proven."""

    async def run_and_write(*arguments: object) -> None:
        await run(*arguments)  # type: ignore[arg-type]
        await chunks.execute("INSERT INTO things SELECT n, 'later' FROM generate_series(5000, 5010) AS n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backends.backup.postgres.run", run_and_write)
        made = await take(backups, gate)
    assert made.proven
    assert await chunks.fetchval("SELECT count(*) FROM things") > 2000


async def test_a_pg_dump_older_than_the_server_refuses_and_leaves_nothing(
    backups: BackupsService,
    gate: Gate,
    chunks: asyncpg.Connection[asyncpg.Record],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = tmp_path / "bin"
    old.mkdir()
    for tool in ("pg_dump", "pg_restore"):
        (old / tool).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
        (old / tool).chmod(0o755)
    monkeypatch.setattr("backends.backup.tools.DEBIAN", tmp_path / "nothing")
    for path, said in ((str(old), "is older than the server"), (str(tmp_path), "is not installed")):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(Refused, match=said) as caught:
            await take(backups, gate)
        assert "--record" in caught.value.hint
    assert await backups.backups("chunks") == []
    assert list((tmp_path / "state" / "backups").iterdir()) == []


@pytest.mark.usefixtures("tools")
async def test_what_a_tool_says_is_told_without_the_password(postgres_url: str) -> None:
    tools = await find_tools(1)
    url = "postgresql://ops:hunter22@127.0.0.1:9/nowhere"
    with pytest.raises(ToolFailed, match="pg_dump ended with 1") as caught:
        await run(tools.dump, [], url)
    assert "hunter22" not in f"{caught.value.message}{caught.value.where}"
