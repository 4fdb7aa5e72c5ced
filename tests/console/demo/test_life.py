"""The life on the demo: sessions move, pools move, and both come back after a server's hiccup."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
from pymongo import AsyncMongoClient

from console.demo import seed_orchestration
from console.demo.bots_seed import bots, live_sessions
from console.demo.seeding import Size, dice, start_of_run
from console.demo.simulated import WINDOWS, arrive, live, step

SIZE = Size(0.1)
PATIENCE = 12
"""Seconds."""


async def eventually(condition: Callable[[], Awaitable[bool]]) -> bool:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.1)
    return True


async def seeded(url: str) -> asyncpg.Connection[asyncpg.Record]:
    await seed_orchestration.write(url, bots(SIZE, start_of_run()).rows)
    return await asyncpg.connect(url)


async def test_a_thousand_steps_keep_every_count(postgres_database: str) -> None:
    """Sessions arrive, speak, fail, recover and end; how many there are, live, and failed never changes."""
    connection, pace = await seeded(postgres_database), dice("a thousand steps")
    counts = """
        SELECT count(*), count(*) FILTER (WHERE bot_id LIKE 'sim-%' AND ended_at IS NULL),
               count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'completed')
        FROM bot_sessions"""
    before = await connection.fetchrow(counts)
    sessions = await live(connection, pace)
    assert len(sessions) == live_sessions(SIZE)
    seen: set[str] = set()
    for number in range(1_000):
        index = number % len(sessions)
        async with connection.transaction():
            sessions[index] = await step(connection, sessions[index], pace)
        seen.add(sessions[index].session["status"])
    assert await connection.fetchrow(counts) == before
    assert seen >= {"pending", "starting", "active", "paused", "stopping"}
    events = {row["event_name"] for row in await connection.fetch("SELECT DISTINCT event_name FROM session_events")}
    assert events >= {"status_change", "recovery_started", "bot_recovered", "session_ended", "chunk_received"}
    ended = "SELECT count(*) FROM bot_sessions WHERE status IN ('completed', 'failed') AND bot_id ~ '^sim-[0-9]+$'"
    assert await connection.fetchval(ended) == 6
    endless = "SELECT count(*) FROM bot_sessions WHERE bot_id LIKE 'sim-%' AND status = 'failed' AND ended_at IS NULL"
    assert await connection.fetchval(endless) == 0
    await connection.close()


async def test_a_new_session_gets_the_next_number(postgres_database: str) -> None:
    connection = await seeded(postgres_database)
    arrived = await arrive(connection, dice("arrival"))
    assert arrived.session["bot_id"] == f"sim-{live_sessions(SIZE):04}"
    assert arrived.session["status"] == "pending"
    await connection.close()


async def test_sessions_speak_while_the_demo_runs(demo_env: dict[str, str]) -> None:
    connection = await asyncpg.connect(demo_env["ORCHESTRATION_DATABASE_URL"])
    spoken = "SELECT max(start_time) FROM transcripts"
    start = await connection.fetchval(spoken)

    async def moved() -> bool:
        return bool(await connection.fetchval(spoken) > start)

    assert await eventually(moved)
    await connection.close()


async def test_the_service_counts_its_pipeline_as_of_now(postgres_database: str) -> None:
    connection = await seeded(postgres_database)
    before = await connection.fetchval("SELECT count(*) FROM processing_statistics")
    start = await connection.fetchval("SELECT now()")
    await connection.execute(WINDOWS)
    counted = "SELECT count(*), sum(total_chunks) FROM processing_statistics WHERE window_end > $1"
    (number, chunks) = await connection.fetchrow(counted, start) or (0, 0)
    assert number == 4
    assert chunks > 0
    assert await connection.fetchval("SELECT count(*) FROM processing_statistics") <= before + 4
    await connection.close()


async def test_clients_give_their_names_and_move_their_pools(demo_env: dict[str, str]) -> None:
    connection = await asyncpg.connect(demo_env["CHUNKS_DATABASE_URL"])
    names = await connection.fetch("SELECT DISTINCT application_name FROM pg_stat_activity")
    assert {"semantik-api", "orchestration-service"} <= {row["application_name"] for row in names}
    await connection.close()
    async with AsyncMongoClient[dict[str, object]](demo_env["MONGODB_URI"]) as client:
        views = [await total_views(client)]

        async def viewed() -> bool:
            return await total_views(client) > views[0]

        assert await eventually(viewed)
        operations = (await client.admin.command({"currentOp": 1, "$all": True}))["inprog"]
    known = [operation.get("clientMetadata", {}).get("application", {}) for operation in operations]
    assert {"bayit-api", "olorin-worker", None} <= {application.get("name") for application in known}


async def total_views(client: AsyncMongoClient[dict[str, object]]) -> int:
    return sum([int(str(found["view_count"])) async for found in client.bayit_plus.content.find()])


async def test_metrics_speak_both_dialects(demo_env: dict[str, str]) -> None:
    async with httpx.AsyncClient() as client:
        text = (await client.get(demo_env["METRICS_URLS"])).text
    for pool in ("bayit-api", "olorin-worker", "unnamed", "semantik-api", "orchestration-service"):
        assert re.search(rf'^olorin_db_connections_idle{{pool="{pool}"}} \d+$', text, re.MULTILINE)
        assert f'db_client_connection_pool_name="{pool}",db_client_connection_state="used"' in text
    assert "olorin_content_metadata_service_get_content_seconds_count" in text


async def test_clients_and_simulator_come_back_after_their_connections_were_cut(demo_env: dict[str, str]) -> None:
    connection = await asyncpg.connect(demo_env["ORCHESTRATION_DATABASE_URL"])
    cut = await connection.fetch(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name IN ('semantik-api', 'orchestration-service')"
    )
    old = [row["pid"] for row in cut]
    start = await connection.fetchval("SELECT now()")

    async def back() -> bool:
        names = await connection.fetch(
            "SELECT DISTINCT application_name FROM pg_stat_activity WHERE pid <> ALL ($1::int[])", old
        )
        stepped = await connection.fetchval("SELECT count(*) FROM session_events WHERE timestamp > $1", start)
        return {"semantik-api", "orchestration-service"} <= {row[0] for row in names} and bool(stepped)

    assert await eventually(back)
    await connection.close()
