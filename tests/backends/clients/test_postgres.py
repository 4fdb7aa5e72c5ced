"""Postgres clients on a real server: small pools, READ ONLY transactions, and every failure said in words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    BadAnswer,
    CannotConnect,
    DeadlineExceeded,
    NotConfigured,
    NotThere,
)
from backends.clients.naming import application_name
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget
from console.demo.servers import PostgresServer
from tests.faults.freeze import frozen
from tests.faults.proxy import proxy_to
from tests.waiting import until

QUICK = PoolLimits(max=2, min=0, wait_s=0.3, connect_s=1.0)


def client(url: str, limits: PoolLimits = QUICK) -> PostgresClient:
    return PostgresClient(PostgresTarget(url, "CHUNKS_DATABASE_URL"), limits)


async def one(reader: PostgresClient, query: str = "SELECT 1") -> object:
    async with reader.reading() as connection:
        return await connection.fetchval(query)


async def test_fifty_readers_share_two_connections_with_our_name(postgres_database: str) -> None:
    reader = client(postgres_database, PoolLimits(max=2, min=0))
    assert await asyncio.gather(*(one(reader) for _ in range(50))) == [1] * 50
    count = reader.pool_count()
    assert (count.opened, count.active, count.waiting) == (2, 0, 0)
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    admin = await asyncpg.connect(postgres_database)
    assert await admin.fetchval(query, application_name()) == 2
    await admin.close()
    await reader.aclose()


async def asked_once(url: str, query: str = "SELECT 1") -> object:
    """What a client of its own answers; it is closed whatever happens."""
    reader = client(url)
    try:
        return await one(reader, query)
    finally:
        await reader.aclose()


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t (a int)", "INSERT INTO seen VALUES (1)", "DROP TABLE seen", "DELETE FROM seen"]
)
async def test_a_write_is_refused_by_the_session(postgres_database: str, statement: str) -> None:
    admin = await asyncpg.connect(postgres_database)
    await admin.execute("CREATE TABLE seen (a int)")
    reader = client(postgres_database)
    with pytest.raises(BackendError, match="read-only"):
        await one(reader, statement)
    assert await one(reader, "SELECT count(*) FROM seen") == 0
    await admin.close()
    await reader.aclose()


async def test_a_full_pool_says_so_in_time_and_counts_who_waits(postgres_database: str) -> None:
    reader = client(postgres_database)
    async with reader.reading(), reader.reading():
        waiting = asyncio.create_task(one(reader))
        await until(lambda: reader.pool_count().waiting)
        assert (reader.pool_count().active, reader.pool_count().waiting) == (2, 1)
        with pytest.raises(DeadlineExceeded):
            await waiting
    assert reader.pool_count().active == 0
    await reader.aclose()


async def test_a_slow_statement_is_ended_by_the_server(postgres_database: str) -> None:
    reader = client(postgres_database)
    with pytest.raises(DeadlineExceeded):
        async with reader.reading(timeout_ms=50) as connection:
            await connection.fetchval("SELECT pg_sleep(10)")
    assert await one(reader) == 1
    await reader.aclose()


async def test_failures_are_said_in_words(postgres_database: str) -> None:
    parts = urlsplit(postgres_database)
    nobody = parts._replace(netloc=f"nobody:hunter22@{parts.hostname}:{parts.port}").geturl()
    with pytest.raises(AccessDenied) as denied:
        await asked_once(nobody)
    assert "hunter22" not in f"{denied.value.where} {denied.value.message}"
    with pytest.raises(NotThere) as missing:
        await asked_once(parts._replace(path="/no_such_database").geturl())
    assert "CHUNKS_DATABASE_URL" in missing.value.hint
    with pytest.raises(NotThere):
        await asked_once(postgres_database, "SELECT * FROM no_such_table")
    with pytest.raises(CannotConnect):
        await asked_once("postgresql://u@127.0.0.1:9/x")
    with pytest.raises(BadAnswer):
        await asked_once(postgres_database, "SELEC")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h:1/x?sslmode=nonsense",
        "postgresql://u@/x?host=/no/such/folder",
        "postgresql://no-such-host.invalid/x",
    ],
)
async def test_a_wrong_url_is_said_and_not_raised_as_the_drivers_own(url: str) -> None:
    with pytest.raises(BackendError):
        await asked_once(url)


async def test_nothing_configured() -> None:
    reader = PostgresClient(NotConfigured("The chunks' database is not configured.", hint="Set CHUNKS_DATABASE_URL"))
    with pytest.raises(NotConfigured):
        await one(reader)


async def test_a_frozen_server_meets_the_deadline_and_is_found_again(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "data") as server:
        reader = client(server.url())
        assert await one(reader) == 1
        with frozen(server.pid), pytest.raises(DeadlineExceeded):
            await one(reader)
        await until_answered(reader)
        await reader.aclose()


async def test_a_cut_connection_is_found_again(postgres_database: str) -> None:
    parts = urlsplit(postgres_database)
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy:
        netloc = f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}"
        reader = client(parts._replace(netloc=netloc).geturl())
        await one(reader)
        proxy.cut()
        with pytest.raises(CannotConnect):
            await one(reader)
        proxy.restore()
        await until_answered(reader)
        await reader.aclose()


async def test_a_cancelled_read_gives_its_connection_back(postgres_database: str) -> None:
    reader = client(postgres_database)
    for _ in range(5):
        task = asyncio.create_task(one(reader, "SELECT pg_sleep(30)"))
        await until(lambda: reader.pool_count().active)
        task.cancel()
        await asyncio.wait([task])
    assert reader.pool_count().active == 0
    assert await one(reader) == 1
    await reader.aclose()


async def until_answered(reader: PostgresClient) -> None:
    """Asks until there is an answer; the client's own deadlines make each attempt end."""
    async with asyncio.timeout(30):
        while True:
            try:
                await one(reader)
            except BackendError:
                continue
            return
