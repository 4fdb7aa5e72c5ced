"""Screen 5 at its busiest: 5,000 sessions, 500 of them active, 200 changes a second; a session of 50,000 lines."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psutil
import pytest

from backends.bots.cursors import Cursor
from backends.bots.queries import sql
from backends.bots.rows import CHANGE_EVENTS
from backends.bots.service import BotsService
from backends.bots.tallies import RECENT
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from tests.backends.bots.conftest import create_tables
from tests.benchmarks.conftest import Figures
from tests.pty.terminal import Terminal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

SESSIONS, ACTIVE, LINES_EACH, LONG = 5_000, 500, 40, 50_000
RATE, WINDOW_S = 200, 20.0
RUNS = 30
Connection = Any


@pytest.fixture
async def busy(postgres_database: str) -> str:
    """The URL of a database with all of it."""
    await create_tables(postgres_database)
    connection = await asyncpg.connect(postgres_database)
    now = datetime.now(UTC)
    ids = [uuid4() for _ in range(SESSIONS)]
    sessions = [_session(id_, number, now) for number, id_ in enumerate(ids)]
    columns = ["session_id", "bot_id", "meeting_id", "status", "created_at", "started_at", "ended_at"]
    await connection.copy_records_to_table("bot_sessions", records=sessions, columns=columns)
    await _copy_lines(
        connection, [(id_, now - timedelta(seconds=n * 7)) for id_ in ids for n in range(LINES_EACH // 8)]
    )
    live = ids[:ACTIVE]
    await _copy_lines(connection, [(id_, now - timedelta(seconds=n * 7)) for id_ in live for n in range(LINES_EACH)])
    await _copy_lines(connection, [(ids[0], now - timedelta(seconds=n / 10)) for n in range(LONG)])
    events = [(id_, "pipeline", "chunk_received", "b", now - timedelta(seconds=n)) for id_ in live for n in range(20)]
    names = ["session_id", "event_type", "event_name", "source", "timestamp"]
    await connection.copy_records_to_table("session_events", records=events, columns=names)
    await connection.execute("ANALYZE")
    await connection.close()
    return postgres_database


def _session(id_: UUID, number: int, now: datetime) -> tuple[object, ...]:
    created = now - timedelta(minutes=number + 1)
    live = number < ACTIVE
    status = "active" if live else "completed" if number % 9 else "failed"
    return id_, f"bot-{number:04}", "m", status, created, created, None if live else created + timedelta(minutes=30)


async def _copy_lines(connection: Connection, lines: list[tuple[UUID, datetime]]) -> None:
    records = [(id_, "some words are said here", "en", "whisper", at) for id_, at in lines]
    columns = ["session_id", "text", "language", "source", "start_time"]
    await connection.copy_records_to_table("transcripts", records=records, columns=columns)


@pytest.fixture
async def client(busy: str) -> AsyncIterator[PostgresClient]:
    made = PostgresClient(PostgresTarget(busy, "ORCHESTRATION_DATABASE_URL"))
    yield made
    await made.aclose()


async def median_of(*calls: Callable[[], Awaitable[object]]) -> list[float]:
    """Median milliseconds of each, in turn, so that the machine's moods meet all."""
    took: list[list[float]] = [[] for _ in calls]
    for _ in range(RUNS):
        for place, call in enumerate(calls):
            started = time.perf_counter()
            await call()
            took[place].append((time.perf_counter() - started) * 1000)
    return [statistics.median(each) for each in took]


async def test_the_list_beside_bare_sql(busy: str, client: PostgresClient, figures: Figures) -> None:
    """The same statements on a bare connection are the baseline."""
    bots, bare = BotsService(client), await asyncpg.connect(busy, statement_cache_size=0)

    async def plain() -> None:
        async with bare.transaction(readonly=True):
            await bare.fetch(sql("counts"))
            ids = [row["session_id"] for row in await bare.fetch(sql("newest"), None, None, None, 51)][:50]
            await bare.fetch(sql("sessions"), ids)
            mark = await bare.fetchval("SELECT now()") - RECENT
            for since, before in ((None, mark), (mark, None)):
                await bare.fetch(sql("speech"), ids, since, before)
                await bare.fetch(sql("activity"), ids, since, before, list(CHANGE_EVENTS))
            await bare.fetch(sql("people"), ids)
            await bare.fetch(sql("latency"), ids, mark)

    ours, baseline = await median_of(lambda: bots.list(limit=50), plain)
    await bare.close()
    figures.add("bots list of 5,000, to the bare SQL", ours / baseline, "x", 1.5)
    figures.add("bots list of 5,000", ours, "ms")


async def test_a_session_of_50_000_lines(busy: str, client: PostgresClient, figures: Figures) -> None:
    """The first page beside its bare query, and a page in the middle beside the first."""
    bots, bare = BotsService(client), await asyncpg.connect(busy, statement_cache_size=0)
    id_ = str(await bare.fetchval("SELECT session_id FROM bot_sessions WHERE bot_id = 'bot-0000'"))
    deep = await bare.fetchrow(
        "SELECT start_time, transcript_id FROM transcripts WHERE session_id = $1 "
        "ORDER BY start_time OFFSET 25000 LIMIT 1",
        id_,
    )
    assert deep is not None
    cursor = Cursor(deep["start_time"], str(deep["transcript_id"]))

    async def plain() -> None:
        async with bare.transaction(readonly=True):
            ids = [row["transcript_id"] for row in await bare.fetch(sql("lines"), id_, None, None, 51)]
            await bare.fetch(sql("translated"), ids, 500)

    first, middle, baseline = await median_of(lambda: bots.tail(id_), lambda: bots.tail(id_, before=cursor), plain)
    await bare.close()
    figures.add("first page of 50,000 lines, to the bare query", first / baseline, "x", 2.0)
    figures.add("a page in the middle, to the first", middle / first, "x", 1.2)
    figures.add("first page of 50,000 lines", first, "ms")
    page, totals, flow = await median_of(
        lambda: bots.session(id_), lambda: bots.statistics(id_), lambda: bots.flow(id_)
    )
    figures.add("beside it the session itself, every refresh", page, "ms")
    figures.add("beside it its totals, every 10 s", totals, "ms")
    figures.add("beside it its pipeline, every 10 s", flow, "ms")


@contextmanager
def changing(database: str) -> Iterator[None]:
    """RATE changes a second, each its own transaction, from a thread with a loop of its own."""
    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_change(database, over)))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def _change(database: str, over: threading.Event) -> None:
    connection = await asyncpg.connect(database)
    query = "SELECT session_id FROM bot_sessions WHERE status = 'active' AND bot_id <> 'bot-0007'"
    ids = [row["session_id"] for row in await connection.fetch(query)]
    chance, started, done = random.Random(7), time.monotonic(), 0
    while not over.is_set():
        await _one_change(connection, chance.choice(ids), chance)
        done += 1
        await asyncio.sleep(max(0.0, started + done / RATE - time.monotonic()))
    await connection.close()


async def _one_change(connection: Connection, id_: UUID, chance: random.Random) -> None:
    thrown = chance.random()
    if thrown < 0.8:
        await connection.execute(
            "INSERT INTO transcripts (session_id, text, language, source, start_time) "
            "VALUES ($1, 'and some more words', 'en', 'whisper', now())",
            id_,
        )
    elif thrown < 0.98:
        await connection.execute(
            "INSERT INTO session_events (session_id, event_type, event_name, source) "
            "VALUES ($1, 'pipeline', 'chunk_received', 'b')",
            id_,
        )
    else:
        await connection.execute("UPDATE bot_sessions SET recovering = NOT recovering WHERE session_id = $1", id_)


def test_the_busiest_screen(busy: str, figures: Figures, tmp_path: Path) -> None:
    """Bytes, processor and how soon a change is seen, while 200 changes a second come."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    env = kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "OLORIN_CONSOLE_STATE": str(tmp_path)}
    env["ORCHESTRATION_DATABASE_URL"] = busy
    with changing(busy), Terminal((sys.executable, "-m", "console"), env, 120, 40) as terminal:
        terminal.wait_for("OLORIN")
        terminal.press("5")
        terminal.wait_for("as it happens")
        terminal.press("s")  # newest first: the first rows stay the first
        terminal.wait_for("bot-0007")
        terminal.read(12)
        process = psutil.Process(terminal.process.pid)
        before, started = sum(process.cpu_times()[:2]), time.perf_counter()
        sent = sum(terminal.read(1.0) for _ in range(int(WINDOW_S)))
        took = time.perf_counter() - started
        share = (sum(process.cpu_times()[:2]) - before) / took
        seen = [_seen_after(terminal, busy, status) for status in ("paused", "active") * 4]
    figures.add("200 changes a second at 120x40, wire", sent / took, "B/s", 5 * 1024)
    figures.add("200 changes a second, one core", share * 100, "%", 15)
    figures.add("a change until it is on the screen, median", statistics.median(seen), "s", 1.0)
    figures.add("a change until it is on the screen, worst of 8", max(seen), "s")


def _seen_after(terminal: Terminal, database: str, status: str) -> float:
    async def update() -> None:
        connection = await asyncpg.connect(database)
        await connection.execute("UPDATE bot_sessions SET status = $1 WHERE bot_id = 'bot-0007'", status)
        await connection.close()

    asyncio.run(update())
    started = time.perf_counter()

    def there(text: str) -> bool:
        return any("bot-0007" in line and status in line for line in text.splitlines())

    terminal.wait_for(there)
    return time.perf_counter() - started
