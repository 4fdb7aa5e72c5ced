"""Changes arrive within a second of their commit, told or polled; the tail loses and doubles nothing."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from backends.bots import feed as feeding
from backends.bots import live_tail
from backends.bots.feed import Feed
from backends.bots.live_tail import LiveTail
from backends.bots.notifications import REMOVE
from backends.bots.service import BotsService
from backends.bots.watch import Watch
from backends.clients.errors import BackendError
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget
from console.demo.servers import PostgresServer
from tests.backends.bots.conftest import QUICK, Store, ago, create_tables
from tests.faults.proxy import proxy_to
from tests.waiting import until

SHORT = PoolLimits(max=1, min=0, wait_s=1.0, connect_s=1.0)


@asynccontextmanager
async def running(feed: Feed, tell: Callable[[], object] = lambda: None) -> AsyncIterator[None]:
    """The feed, listening until the block's end."""
    task = asyncio.ensure_future(feed.run(tell))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def client(bots_database: str) -> AsyncIterator[PostgresClient]:
    client = PostgresClient(PostgresTarget(bots_database, "ORCHESTRATION_DATABASE_URL"), QUICK)
    yield client
    await client.aclose()


async def test_each_table_tells_which_session_changed(client: PostgresClient, store: Store) -> None:
    feed = Feed(client)
    async with running(feed):
        await until(lambda: feed.state.listening)
        assert feed.take().all_
        id_ = await store.session()
        await until(lambda: feed.take().ids == {id_})
        line = await store.line(id_)
        await until(lambda: feed.take().ids == {id_})
        await store.insert(
            "translations", session_id=id_, transcript_id=line, original_text="a", translated_text="b",
            source_language="en", target_language="es",
        )  # fmt: skip
        await until(lambda: feed.take().ids == {id_})
        await store.event(id_)
        await until(lambda: feed.take().ids == {id_})
        await store.insert("participants", session_id=id_, name="Ana")
        await until(lambda: feed.take().ids == {id_})
        await store.connection.execute("DELETE FROM bot_sessions")
        await until(lambda: feed.take().ids == {id_})


async def test_a_change_of_many_sessions_tells_of_each_and_what_was_rolled_back_of_none(
    client: PostgresClient, store: Store
) -> None:
    made = {await store.session() for _ in range(30)}
    feed = Feed(client)
    async with running(feed):
        await until(lambda: feed.state.listening)
        feed.take()
        with suppress(ZeroDivisionError):
            async with store.connection.transaction():
                await store.session()
                raise ZeroDivisionError
        await store.connection.execute("UPDATE bot_sessions SET meeting_title = 'x'")
        await until(lambda: len(feed._ids) >= len(made))
        assert feed.take().ids == made


async def test_a_feed_of_one_session_hears_of_no_other(client: PostgresClient, store: Store) -> None:
    mine, other = await store.session(), await store.session()
    feed = Feed(client, session_id=mine)
    async with running(feed):
        await until(lambda: feed.state.listening)
        feed.take()
        await store.line(other)
        await store.line(mine)
        await until(lambda: feed.take().ids == {mine})


@pytest.mark.parametrize("gone", ["DISABLE TRIGGER console_transcripts_insert", "DISABLE TRIGGER ALL"])
async def test_triggers_that_are_taken_away_while_it_listens_are_missed(
    client: PostgresClient, store: Store, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(feeding, "PROBE_EVERY_S", 0.1)
    feed = Feed(client)
    async with running(feed):
        await until(lambda: feed.state.listening)
        await store.connection.execute(f"ALTER TABLE transcripts {gone}")
        await until(lambda: "no triggers on transcripts" in feed.state.why)
        assert not feed.state.listening


async def test_without_triggers_it_says_so_and_everything_is_read(client: PostgresClient, store: Store) -> None:
    for statement in REMOVE:
        await store.connection.execute(statement)
    id_, feed = await store.session(), Feed(client)
    async with running(feed):
        await until(lambda: "no triggers on audio_files, bot_sessions" in feed.state.why)
        watch = Watch(BotsService(client), feed)
        assert [each.status for each in (await watch.read()).sessions] == ["active"]
        await store.connection.execute("UPDATE bot_sessions SET status = 'paused'")
        assert [(each.session_id, each.status) for each in (await watch.read()).sessions] == [(id_, "paused")]


async def test_a_change_is_in_the_list_as_soon_as_it_is_told_and_nothing_else_is_read(
    client: PostgresClient, store: Store
) -> None:
    made = [await store.session(created_at=ago(100 + n)) for n in range(20)]
    bots, told = BotsService(client), asyncio.Event()
    feed = Feed(client)
    watch = Watch(bots, feed)
    async with running(feed, told.set):
        await until(lambda: feed.state.listening)
        before = await watch.read()
        assert await watch.read() is before
        told.clear()
        await store.connection.execute("UPDATE bot_sessions SET status = 'paused' WHERE session_id = $1", made[3])
        await told.wait()
        after = await watch.read()
    statuses = {each.session_id: each.status for each in after.sessions}
    assert statuses == {id_: "paused" if id_ == made[3] else "active" for id_ in made}
    assert after.counts["paused"] == 1
    untouched = {each.session_id: each for each in before.sessions if each.session_id != made[3]}
    assert all(untouched[each.session_id] is each for each in after.sessions if each.session_id in untouched)


async def test_what_comes_and_goes_is_in_the_list(client: PostgresClient, store: Store) -> None:
    first = await store.session(created_at=ago(50))
    feed = Feed(client)
    watch = Watch(BotsService(client), feed)
    async with running(feed):
        await until(lambda: feed.state.listening)
        await watch.read()
        second = await store.session(created_at=ago(5))
        await store.connection.execute("DELETE FROM bot_sessions WHERE session_id = $1", first)
        await until(lambda: len(feed._ids) == 2)
        assert [each.session_id for each in (await watch.read()).sessions] == [second]


async def test_a_reading_that_fails_forgets_no_change(client: PostgresClient, store: Store) -> None:
    id_, feed = await store.session(), Feed(client)
    watch = Watch(BotsService(client), feed)
    async with running(feed):
        await until(lambda: feed.state.listening)
        await watch.read()
        await store.connection.execute("UPDATE bot_sessions SET status = 'paused'")
        await until(lambda: feed._ids)
        await store.connection.execute("ALTER TABLE bot_sessions RENAME TO away")
        with pytest.raises(BackendError):
            await watch.read()
        await store.connection.execute("ALTER TABLE away RENAME TO bot_sessions")
        assert [(each.session_id, each.status) for each in (await watch.read()).sessions] == [(id_, "paused")]


async def test_a_swallowed_connection_is_noticed(
    bots_database: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "PROBE_EVERY_S", 0.2)
    monkeypatch.setattr(feeding, "PROBE_S", 0.3)
    parts = urlsplit(bots_database)
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy:
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()
        client = PostgresClient(PostgresTarget(url, "ORCHESTRATION_DATABASE_URL"), SHORT)
        feed = Feed(client)
        async with running(feed):
            await until(lambda: feed.state.listening)
            proxy.swallow()
            await until(lambda: not feed.state.listening)
            assert feed.state.why
            feed.take()
            id_ = await store.session()
            proxy.restore()
            proxy.cut()
            proxy.restore()
            await until(lambda: feed.state.listening)
            assert feed.take().all_, id_
        await client.aclose()


async def test_what_is_held_is_told_again_only_while_the_server_answers(
    client: PostgresClient, bots_database: str, store: Store
) -> None:
    await store.session()
    parts, feed = urlsplit(bots_database), Feed(client)
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy, running(feed):
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()
        behind = PostgresClient(PostgresTarget(url, "ORCHESTRATION_DATABASE_URL"), SHORT)
        watch = Watch(BotsService(behind), feed)
        await until(lambda: feed.state.listening)
        held = await watch.read()
        assert await watch.read() is held
        proxy.cut()
        with pytest.raises(BackendError):
            await watch.read()
        assert feed.state.listening
        await behind.aclose()


async def test_the_tail_follows_whatever_the_order(client: PostgresClient, store: Store) -> None:
    id_ = await store.session()
    tail = LiveTail(BotsService(client), id_)
    now = datetime.now(UTC)
    assert (await tail.read()).lines == ()
    expected: list[tuple[datetime, str]] = []
    chance = random.Random(7)
    for number in range(90):
        at = now + timedelta(seconds=number - (60 if chance.random() < 0.2 else 0))
        expected.append((at, await store.line(id_, f"{number}", at=at)))
        if number % 7 == 0:
            await tail.read()
    await tail.read()
    assert [line.transcript_id for line in (await tail.read()).lines] == [
        line for _, line in sorted(expected, reverse=True)
    ]
    held = await tail.read()
    assert await tail.read() is held


async def test_the_tail_keeps_the_newest_and_says_how_to_go_on(client: PostgresClient, store: Store) -> None:
    id_, now = await store.session(), datetime.now(UTC)
    tail = LiveTail(BotsService(client), id_)
    await store.line(id_, "0", at=now)
    await tail.read()
    rows = [(uuid4(), id_, f"{n}", "en", "x", now + timedelta(seconds=n)) for n in range(1, 1_000)]
    columns = ["transcript_id", "session_id", "text", "language", "source", "start_time"]
    await store.connection.copy_records_to_table("transcripts", records=rows, columns=columns)
    held = await tail.read()
    assert [line.text for line in held.lines] == [str(n) for n in range(999, 999 - live_tail.KEPT, -1)]
    assert held.next is not None
    assert held.next.endswith(held.lines[-1].transcript_id)


async def test_lines_without_a_time_stay_in_the_tail(
    client: PostgresClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_tail, "WHOLE_EVERY_S", 0.0)
    id_, now = await store.session(), datetime.now(UTC)
    untimed = [await store.insert("transcripts", session_id=id_, text="?", language="en", source="x") for _ in range(2)]
    tail = LiveTail(BotsService(client), id_)
    assert {line.transcript_id for line in (await tail.read()).lines} == set(untimed)
    timed = [await store.line(id_, f"{n}", at=now + timedelta(seconds=n)) for n in range(30)]
    untimed.append(await store.insert("transcripts", session_id=id_, text="?", language="en", source="x"))
    for _ in range(3):
        lines = [line.transcript_id for line in (await tail.read()).lines]
        assert lines[:30] == timed[::-1]
        assert set(lines[30:]) == set(untimed)
    timed += [await store.line(id_, f"{n}", at=now + timedelta(seconds=n)) for n in range(30, 90)]
    held = await tail.read()
    assert {line.transcript_id for line in held.lines} == {*timed, *untimed}
    assert held.next is None


async def test_a_translation_that_comes_late_is_shown(client: PostgresClient, store: Store) -> None:
    id_ = await store.session()
    line = await store.line(id_, "hello")
    tail = LiveTail(BotsService(client), id_)
    assert (await tail.read()).lines[0].translations == ()
    await store.insert(
        "translations", session_id=id_, transcript_id=line, original_text="hello", translated_text="hola",
        source_language="en", target_language="es",
    )  # fmt: skip
    assert [each.text for each in (await tail.read()).lines[0].translations] == ["hola"]


@pytest.mark.faults
async def test_over_a_restart_of_postgres_the_tail_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with PostgresServer(tmp_path / "data") as server:
        url = server.url()
        await create_tables(url)
        writer = await asyncpg.connect(url)
        id_ = await Store(writer).session()
        client = PostgresClient(PostgresTarget(url, "ORCHESTRATION_DATABASE_URL"), SHORT)
        feed, tail = Feed(client), LiveTail(BotsService(client), id_)
        shown: list[list[str]] = []
        committed: list[str] = []

        async def look() -> None:
            with suppress(BackendError):
                shown.append([line.transcript_id for line in (await tail.read()).lines])

        async def write(number: int) -> None:
            committed.append(await Store(writer).line(id_, f"{number}", at=datetime.now(UTC)))

        async with running(feed):
            await until(lambda: feed.state.listening)
            for number in range(40):
                await write(number)
                await look()
            server.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.process.wait, 20)
            await look()
            await until(lambda: not feed.state.listening)
            again = server.launch()
            async with asyncio.timeout(20):
                while not await server.answers():  # noqa: ASYNC110 - another process announces nothing
                    await asyncio.sleep(0.02)
            writer = await asyncpg.connect(url)
            for number in range(40, 60):
                await write(number)
            await until(lambda: feed.state.listening)
            assert feed.take().all_
            await look()
        await writer.close()
        await client.aclose()
        again.send_signal(signal.SIGINT)
        await asyncio.to_thread(again.wait, 20)
    assert shown[-1] == committed[::-1]
    assert all(len(set(each)) == len(each) for each in shown)
