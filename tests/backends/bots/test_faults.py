"""Postgres goes away and comes back, hangs, is too slow: each is said, and nothing of ours needs a restart."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backends.bots.service import SUMS_TOO_SLOW, BotsService
from backends.clients.errors import BackendError, CannotConnect, DeadlineExceeded, NotConfigured
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget
from console.demo.servers import PostgresServer
from tests.backends.bots.conftest import Store, ago, create_tables
from tests.faults.proxy import proxy_to
from tests.waiting import until

SHORT = PoolLimits(max=1, min=0, wait_s=1.0, connect_s=1.0)


def service(url: str) -> tuple[BotsService, PostgresClient]:
    client = PostgresClient(PostgresTarget(url, "ORCHESTRATION_DATABASE_URL"), SHORT)
    return BotsService(client), client


async def test_a_stopped_server_is_said_and_found_again_once_it_is_back(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "data") as server:
        await create_tables(server.url())
        bots, client = service(server.url())
        assert (await bots.watch()).total == 0
        server.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(server.process.wait, 20)
        for _ in range(2):
            with pytest.raises(CannotConnect) as caught:
                await bots.watch()
            assert "127.0.0.1" in caught.value.where
            assert str(urlsplit(server.url()).password) not in caught.value.where
        again = server.launch()
        async with asyncio.timeout(20):
            while not await server.answers():  # noqa: ASYNC110 - another process announces nothing
                await asyncio.sleep(0.02)
        assert (await bots.watch()).total == 0
        await client.aclose()
        again.send_signal(signal.SIGINT)
        await asyncio.to_thread(again.wait, 20)


async def test_a_server_that_swallows_everything_meets_the_deadline_and_is_found_again(
    bots_database: str, store: Store
) -> None:
    await store.session()
    parts = urlsplit(bots_database)
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy:
        bots, client = service(
            parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()
        )
        assert (await bots.watch()).total == 1
        proxy.swallow()
        with pytest.raises(DeadlineExceeded):
            await bots.watch()
        proxy.restore()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert (await bots.watch()).total == 1
                    break
                except BackendError:
                    continue
        await client.aclose()


async def test_sums_that_take_too_long_leave_the_sessions_on_the_screen(bots_database: str, store: Store) -> None:
    """Somebody holds a lock on a child table: the sessions are shown without their sums, and it is said."""
    await store.session(created_at=ago(60))
    bots, client = service(bots_database)
    async with store.connection.transaction():
        await store.connection.execute("LOCK TABLE transcripts IN ACCESS EXCLUSIVE MODE")
        snapshot = await bots.watch()
        assert (len(snapshot.sessions), snapshot.sessions[0].words) == (1, None)
        assert snapshot.missing == (SUMS_TOO_SLOW,)
        assert snapshot.sessions[0].health.state.value == "unknown"
    await client.aclose()


async def test_a_read_that_is_given_up_leaves_no_query_behind(bots_database: str, store: Store) -> None:
    bots, client = service(bots_database)
    async with store.connection.transaction():
        await store.connection.execute("LOCK TABLE bot_sessions IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(bots.watch())
        await until(lambda: client.pool_count().active)
        reading.cancel()
        await asyncio.wait([reading])
    assert client.pool_count().active == 0
    assert (await bots.watch()).total == 0
    await client.aclose()


async def test_nothing_configured() -> None:
    with pytest.raises(NotConfigured):
        await BotsService(PostgresClient(NotConfigured("x", hint="Set ORCHESTRATION_DATABASE_URL"))).watch()
