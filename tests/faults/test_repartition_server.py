"""A re-partitioning whose server is restarted, crashes, or has no room left."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from backends.clients.errors import StoppedByThreshold
from backends.migrations.repartition.book import Stage
from console.demo.processes import Supervisor
from console.demo.servers import PostgresServer
from tests.backends.migrations.repartition.place import STAMP, Place
from tests.faults.cramped import CrampedPostgres, can_mount
from tests.faults.proxy import Proxy, proxy_to
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

DURABLE = {"synchronous_commit": "on"}
"""What was committed survives a crash of the server, as the oracle takes for granted."""


@dataclass
class Restartable:
    """A server whose port may change, and the proxy that stays where it is."""

    server: PostgresServer
    proxy: Proxy
    supervisor: Supervisor

    @property
    def url(self) -> str:
        parts = urlsplit(self.server.url())
        at = f"{parts.username}:{parts.password}@127.0.0.1:{self.proxy.port}"
        return urlunsplit(parts._replace(netloc=at))

    async def restart(self, how: signal.Signals) -> None:
        """SIGINT: orderly, every session ended; SIGQUIT: as a crash, its log replayed."""
        os.kill(self.server.pid, how)
        await until(lambda: self.server.process.poll() is not None)
        self.supervisor.stop(self.server.name)
        await self.server.start()
        self.proxy.target = ("127.0.0.1", self.server.port)


@asynccontextmanager
async def restartable(folder: Path) -> AsyncIterator[Restartable]:
    supervisor = Supervisor()
    server = PostgresServer(folder / "data", settings=DURABLE, supervisor=supervisor)
    await server.start()
    try:
        async with proxy_to("127.0.0.1", server.port) as proxy:
            yield Restartable(server, proxy, supervisor)
    finally:
        supervisor.stop()


async def checkpoint(admin: asyncpg.Connection) -> str:
    """The run's, as text."""
    return str(await admin.fetchval("SELECT body::text FROM console_run_checkpoints") or "")


async def reached(url: str, *phases: str) -> None:
    """Waits until the run is in one of the phases; of the copy, past some of the partitions."""
    admin = await asyncpg.connect(url)
    async with asyncio.timeout(60):
        while True:
            body = await checkpoint(admin) if await admin.fetchval("SELECT to_regclass('console_runs')") else ""
            copied = '"leaf": ' in body and int(body.partition('"leaf": ')[2].partition(",")[0].rstrip("}")) > 5
            if any(f'"phase": "{phase}"' in body for phase in phases) and (phases != ("copy",) or copied):
                break
    await admin.close()


async def test_the_server_crashes_and_restarts(tmp_path: Path) -> None:
    """It crashes while rows are copied, with changes logged, and restarts while the swap is prepared."""
    async with restartable(tmp_path) as server:
        place = await Place.at(server.url, tmp_path / "state")
        await place.make("list", 4_000)
        running = asyncio.create_task(place.execute())
        await reached(server.url, "copy")
        await place.admin.execute(
            "UPDATE chunks SET content = 'changed' WHERE id % 10 = 1; DELETE FROM chunks WHERE id % 10 = 2"
        )
        assert not running.done()
        await server.restart(signal.SIGQUIT)
        held = await running
        assert held.state == "holding", held
        place.admin = await asyncpg.connect(server.url)
        before = await place.rows()
        assert sum(before.values()) == 3_600
        assert await place.rows("chunks_next") == before
        await place.admin.execute("UPDATE chunks SET content = 'again' WHERE id % 10 = 3")
        before = await place.rows()
        swapping = asyncio.create_task(place.swap())
        await reached(server.url, "reprove", "follow", "keys", "drain", "check", "whole", "arm")
        await server.restart(signal.SIGINT)
        swapped = await swapping
        assert swapped.state == "done", swapped
        place.admin = await asyncpg.connect(server.url)
        assert await place.rows() == before
        assert await place.admin.fetchval("SELECT pg_get_partkeydef('chunks'::regclass)") == "HASH (collection_id)"
        await place.aclose()


@pytest.mark.skipif(not can_mount(), reason="nobody may mount a file system here")
async def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    """The new table's tablespace fills up while rows are copied; the run's own records have room elsewhere."""
    async with CrampedPostgres(tmp_path / "data", "24m") as server:
        place = await Place.at(server.url(), tmp_path / "state")
        admin = place.admin
        await place.make("list", 4_000)
        run_id = await place.start()
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{server.small}'")
        await admin.execute("ALTER DATABASE postgres SET default_tablespace = small")
        await ballast(admin, 1, spare=ROOM)
        before = await place.rows()
        stopped = await place.resume(run_id)
        assert '"phase": "copy"' in await checkpoint(admin)
        assert isinstance(stopped.error, StoppedByThreshold), stopped
        assert "No space left on device" in stopped.error.message
        assert (stopped.state, stopped.skipped, await place.rows()) == ("stopped", 0, before), "no row is taken for bad"
        again = await place.resume()
        assert again.state == "stopped", again
        await admin.execute("DROP TABLE ballast_1")
        await admin.execute("UPDATE chunks SET content = 'while stopped' WHERE id % 10 = 1")
        before = await place.rows()
        held = await place.resume()
        assert held.state == "holding", held
        assert await place.rows("chunks_next") == before
        await ballast(admin, 2)
        full = await place.swap()
        found = await place.book()
        assert found is not None
        if full.state != "done":  # its views and logs need some room
            assert isinstance(full.error, StoppedByThreshold), full
            assert found.stage is not Stage.SWAPPED
            assert await place.rows() == before
            await admin.execute("DROP TABLE ballast_2")
            full = await place.swap()
        assert full.state == "done", full
        assert await place.rows() == before
        assert (await place.admin.fetchval("SELECT to_regclass($1) IS NOT NULL", f"chunks_backup_{STAMP}")) is True
        await place.aclose()


ROOM = 1_500
"""Kilobytes: enough for the new table without its rows."""


async def ballast(admin: asyncpg.Connection, number: int, spare: int = 0) -> None:
    """Fills the small tablespace up, but for so many kilobytes."""
    kilobytes = f"SELECT repeat('x', 1000) FROM generate_series(1, {spare})"
    await admin.execute(f"CREATE TABLE spare TABLESPACE small AS {kilobytes}")
    await admin.execute(f"CREATE TABLE ballast_{number} (t text) TABLESPACE small")
    insert = f"INSERT INTO ballast_{number} SELECT repeat(md5(n::text), 200) FROM generate_series(1, $1::int) n"
    rows = 4_096
    while rows:
        try:
            await admin.execute(insert, rows)
        except asyncpg.DiskFullError:
            rows //= 2
    await admin.execute("DROP TABLE spare")
