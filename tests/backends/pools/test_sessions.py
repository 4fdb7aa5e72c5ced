"""Who runs what, who blocks whom, and who holds a pool for which others wait: over real servers with real clients."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import AsyncMongoClient

from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget
from backends.pools.blocking import behind, tree
from backends.pools.model import Kind, Session
from backends.pools.mongo_operations import sessions
from backends.pools.rules import judge_pool
from backends.pools.service import PoolsService
from backends.sampling.state import State
from console.demo.pool_gauges import MongoPool, text
from tests.backends.pools.conftest import QUICK, Build, app
from tests.backends.pools.test_postgres_server import session
from tests.backends.pools.test_published import endpoint
from tests.nasty import NASTY
from tests.waiting import until


async def sessions_of(service: PoolsService, *wanted: str) -> dict[str, Session]:
    """The sessions by application, once all of these are listed."""
    async with asyncio.timeout(20):
        while True:
            server = await service.server(service.places[0])
            found = {each.app: each for each in server.sessions if each.app}
            if set(wanted) <= set(found):
                return found


async def test_who_blocks_whom(build: Build, postgres_database: str) -> None:
    """A holder that sleeps in its transaction, one who waits for it, and one who waits for that one."""
    service = build(chunks=postgres_database)
    async with AsyncExitStack() as stack:
        holder, first, second = [
            await stack.enter_async_context(session(postgres_database, name)) for name in ("holder", "first", "second")
        ]
        await holder.execute("CREATE TABLE t (a int)")
        await holder.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE")
        waiting = [asyncio.create_task(first.execute("BEGIN; LOCK TABLE t"))]
        await sessions_of(service, "first")
        waiting.append(asyncio.create_task(second.execute("SELECT * FROM t WHERE a = 1")))
        found = await sessions_of(service, "holder", "first", "second")
        assert found["first"].blocked_by == (found["holder"].number,)
        assert found["second"].blocked_by == (found["first"].number,)
        assert found["holder"].state == "idle in transaction"
        assert found["first"].waits == "Lock relation"
        assert found["second"].query == "SELECT * FROM t WHERE a = 1"
        assert found["holder"].number == await asyncpg_pid(postgres_database, "holder")
        server = await service.server(service.places[0])
        branches = [(each.session.app, each.depth, each.behind) for each in tree(server.sessions)]
        assert branches[:3] == [("holder", 0, 2), ("first", 1, 1), ("second", 2, 0)]
        holder.terminate()
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def asyncpg_pid(url: str, name: str) -> int:
    async with session(url, "asker") as asker:
        return int(await asker.fetchval("SELECT pid FROM pg_stat_activity WHERE application_name = $1", name))


async def test_a_hostile_query_is_masked_and_harmless(build: Build, postgres_database: str) -> None:
    service = build(chunks=postgres_database)
    async with session(postgres_database, "hostile") as hostile:
        await hostile.execute(f"BEGIN; SELECT '{NASTY['action']}', 'postgresql://ops:hunter22@db/x' -- \x1b[2J")
        query = (await sessions_of(service, "hostile"))["hostile"].query
    assert "hunter22" not in query
    assert "\x1b" not in query
    assert NASTY["action"] in query


async def test_a_full_postgres_pool_says_who_waits_and_who_holds_it(build: Build, postgres_database: str) -> None:
    """The console's own kind of pool, driven to its maximum: two sleep in transactions, three wait."""
    service = build(chunks=postgres_database)
    limits = PoolLimits(max=2, min=0, wait_s=15.0)
    client = PostgresClient(PostgresTarget(postgres_database, "X"), limits)
    service._postgres = {"chunks": client}
    release = asyncio.Event()

    async def hold() -> None:
        async with client.reading() as connection:
            await connection.fetchval("SELECT 'holding'")
            await release.wait()

    holding = [asyncio.create_task(hold()) for _ in range(5)]
    await until(lambda: client.pool_count().waiting == 3)
    await service.server(service.places[0])
    pool = (await service.own()).pools[0]
    assert (pool.active, pool.idle, pool.waiting, pool.max) == (2, 0, 3, 2)
    async with session(postgres_database, "asker") as asker:
        holders = await asker.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'olorin-console/%' AND query LIKE '%holding%'"
        )
    assert {each.number for each in pool.holders} == {row["pid"] for row in holders}
    assert {each.state for each in pool.holders} == {"idle in transaction"}
    release.set()
    await asyncio.gather(*holding)
    pool = (await service.own()).pools[0]
    assert (pool.active, pool.waiting, pool.holders) == (0, 0, ())
    await client.aclose()


async def test_another_processs_full_mongo_pool_says_who_holds_it(
    build: Build, mongo_url: str, mongo_database: str
) -> None:
    """A real client with two connections and eight slow queries, which publishes its pool as the platform does."""
    gauge = MongoPool("embedder", 0, 2)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        mongo_url, appname="embedder", maxPoolSize=2, event_listeners=[gauge]
    )

    def answer(writer: asyncio.StreamWriter) -> None:
        body = text([gauge.state()], []).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))

    async with client, endpoint(answer) as url:
        things = client[mongo_database]["things"]
        await things.insert_many([{"n": n} for n in range(20_000)])
        service, looked = build(mongo=mongo_url, metrics=(url,)), asyncio.Event()

        async def scan() -> None:
            while not looked.is_set():
                await (await things.aggregate([{"$sort": {"n": -1}}, {"$count": "n"}])).to_list()

        scans = [asyncio.create_task(scan()) for _ in range(8)]
        await until(lambda: gauge.state().active == 2 and (gauge.state().waiting or 0) >= 1)
        snapshot = await service.sample(probe=False)
        while not snapshot.published.pools[0].holders:  # the server was between two of them
            snapshot = await service.sample(probe=False)
        looked.set()
        pool = snapshot.published.pools[0]
        await asyncio.gather(*scans)
    assert (pool.kind, pool.app, pool.max) == (Kind.MONGO, "embedder", 2)
    assert pool.waiting
    finding = judge_pool(pool)
    assert finding.state is State.CRITICAL
    assert {each.app for each in pool.holders} == {"embedder"}
    assert "held by" in finding.why
    assert all("aggregate" in each.query or "insert" in each.query for each in pool.holders)
    entry = app(snapshot.servers[0], "embedder")
    assert entry.counted == 2
    assert "monitoring socket" in entry.difference


async def test_failures_are_counted_by_reason(postgres_database: str) -> None:
    limits = PoolLimits(max=1, min=0, wait_s=0.05)
    full = PostgresClient(PostgresTarget(postgres_database, "X"), limits)
    async with full.reading():
        for _ in range(2):
            with pytest.raises(Exception, match="No answer in time"):
                async with full.reading():
                    pass
    assert full.pool_count().failures == {"timeout": 2}
    await full.aclose()
    down = PostgresClient(PostgresTarget("postgresql://127.0.0.1:9/x", "X"), QUICK)
    with pytest.raises(Exception, match="No server answers"):
        async with down.reading():
            pass
    assert down.pool_count().failures == {"connection error": 1}
    await down.aclose()


async def test_queries_cost_time_that_is_counted(build: Build, mongo_url: str, postgres_database: str) -> None:
    service = build(mongo=mongo_url, chunks=postgres_database)
    await service.sample(probe=False)
    async with asyncio.timeout(20):
        while (cost := (await service.own()).cost).busy_ms_per_s is None:
            await service.sample(probe=False)
    assert cost.queries_per_s
    assert 0 < cost.busy_ms_per_s / cost.queries_per_s < 1000


def test_operations_of_a_server_that_tells() -> None:
    listed: list[dict[str, Any]] = [
        {"opid": 71, "connectionId": 9, "client": "10.0.0.5:4000", "appName": "api", "ns": "bayit.content",
         "op": "query", "command": {"find": "content", "filter": {"k": "mongodb://u:hunter22@h/"}, "lsid": {}},
         "microsecs_running": 2_500_000, "effectiveUsers": [{"user": "svc", "db": "admin"}], "waitingForLock": True},
        {"opid": "shard1:5", "connectionId": 3, "client": None, "command": 7, "effectiveUsers": "x"},
        {"connectionId": 4},
    ]  # fmt: skip
    first, second = sessions(listed, tells=True)
    assert (first.number, first.started, first.app) == (71, "9 10.0.0.5:4000", "api")
    assert (first.user, first.for_s) == ("svc", 2.5)
    assert (first.waits, first.database, first.state) == ("Lock", "bayit", "active")
    assert "hunter22" not in first.query
    assert (second.number, second.app, second.for_s) == ("shard1:5", None, None)
    assert sessions(listed, tells=False)[0].state == "last ran"


GRAPHS = st.lists(st.lists(st.integers(0, 12), max_size=4), max_size=12).map(
    lambda edges: [Session(n, "", None, blocked_by=tuple(set(by) - {n})) for n, by in enumerate(edges, 1)]
)


@given(GRAPHS)
def test_any_graph_is_a_tree_in_which_everybody_stands_once(found: list[Session]) -> None:
    branches = tree(found)
    assert sorted(each.session.number for each in branches) == sorted(each.number for each in found)
    for index, branch in enumerate(branches):
        assert branch.depth == 0 or any(
            each.depth == branch.depth - 1 and each.session.number in branch.session.blocked_by
            for each in branches[:index]
        )
        assert branch.behind == behind(branch.session.number, found) <= max(len(found) - 1, 0)
