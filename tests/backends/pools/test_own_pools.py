"""What a client counts of itself, beside what its driver and its server say."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, MongoTarget, PoolLimits, Role, mongo_targets
from backends.clients.timings import WINDOW_COUNT, WINDOW_S, Durations, Timings
from backends.pools.model import Kind
from backends.pools.own import Rate
from backends.pools.rules import judge_pool
from backends.sampling.state import State
from tests.backends.bots.gates import gate_in, token_for
from tests.backends.pools.conftest import QUICK, Build
from tests.waiting import until


async def test_one_client_that_serves_three_roles_is_one_pool(build: Build, mongo_url: str) -> None:
    service = build(mongo=mongo_url)
    pools = (await service.own()).pools
    assert [(pool.kind, pool.role, pool.max) for pool in pools] == [(Kind.MONGO, "main, olorin, bayit reference", 2)]
    assert pools[0].wait.n == pools[0].create.n == 0
    for place in service.places:
        await service.server(place)
    pool = (await service.own()).pools[0]
    assert (pool.active, pool.idle, pool.waiting) == (0, 1, 0)
    assert pool.create.n == 1
    assert pool.wait.n >= 2
    assert pool.wait.p95_ms is not None
    assert 0 < pool.wait.p95_ms < 1000


async def test_clients_of_their_own_are_two_pools_on_one_server(mongo_url: str) -> None:
    environment = {
        "MONGODB_URI": mongo_url,
        "OLORIN_USE_SEPARATE_DATABASE": "true",
        "OLORIN_MONGODB_URL": f"{mongo_url.rstrip('/')}/?retryReads=false",
    }
    pools = MongoClients(mongo_targets(environment), QUICK).pools()
    assert [list(pool.targets) for pool in pools] == [[Role.MAIN, Role.BAYIT], [Role.OLORIN]]
    assert len({target.server for pool in pools for target in pool.targets.values()}) == 1


async def test_watching_a_server_takes_two_pooled_connections_however_many_clients(mongo_url: str) -> None:
    """Two clients of their own on one server share the limit; on two servers each has its own."""
    other = {"OLORIN_USE_SEPARATE_DATABASE": "true", "OLORIN_MONGODB_URL": f"{mongo_url.rstrip('/')}/?retryReads=false"}
    as_localhost = mongo_url.replace("127.0.0.1", "localhost")
    for url, most in (("mongodb://127.0.0.1:9/", 2), (mongo_url, 1), (as_localhost, 1)):
        clients = MongoClients(mongo_targets({"MONGODB_URI": url, **other}), WATCHING)
        assert [pool.count.max for pool in clients.pools()] == [most, most]
    assert MongoClients(mongo_targets({"MONGODB_URI": mongo_url}), WATCHING).limits(Role.BAYIT).max == 2


async def test_a_full_mongo_pool_shows_who_waits(mongo_url: str, mongo_database: str) -> None:
    """Eight slow queries over two connections: two run, and the others wait."""
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url}), PoolLimits(max=2, min=0, wait_s=10.0))
    with MongoClient[dict[str, Any]](mongo_url) as other:
        other[mongo_database]["things"].insert_many([{"n": n} for n in range(20_000)])

    async def scan() -> int:
        async with clients.reading(Role.MAIN) as database:
            # A sort by what no index helps with keeps the server busy for a moment.
            cursor = database.beside(mongo_database)["things"].aggregate([{"$sort": {"n": -1}}, {"$count": "n"}])
            return (await cursor.to_list(1))[0]["n"]  # type: ignore[no-any-return]

    def is_full() -> bool:
        count = clients.pool_counts()[Role.MAIN]
        return count.active == count.max == 2 and 1 <= count.waiting <= 6

    scans = [asyncio.create_task(scan()) for _ in range(8)]
    await until(is_full)
    assert await asyncio.gather(*scans) == [20_000] * 8
    after = clients.pool_counts()[Role.MAIN]
    assert (after.active, after.idle, after.waiting, after.opened) == (0, 2, 0, 2)
    assert after.wait.n == after.queries == 8
    assert after.wait.p99_ms is not None
    assert after.wait.p50_ms is not None
    assert after.wait.p99_ms > after.wait.p50_ms
    await clients.aclose()


async def test_a_full_pool_of_ours_is_counted_but_no_finding(build: Build, postgres_database: str) -> None:
    service = build(chunks=postgres_database, limits=PoolLimits(max=1, min=0, wait_s=10.0))
    reader = service._postgres["chunks"]
    async with reader.reading():
        waiting = [asyncio.create_task(service.server(service.places[0])) for _ in range(2)]
        await until(lambda: reader.pool_count().waiting == 2)
        pool = (await service.own()).pools[0]
        assert (pool.active, pool.idle, pool.waiting, pool.max) == (1, 0, 2, 1)
        assert judge_pool(pool).state is State.OK
    await asyncio.gather(*waiting)
    pool = (await service.own()).pools[0]
    assert (pool.active, pool.waiting, judge_pool(pool).state) == (0, 0, State.OK)


async def test_every_socket_of_ours_is_counted(
    build: Build, mongo_url: str, postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers see exactly the connections that we say we cost: the monitor's, and those beside the pools."""
    name = f"olorin-console/{secrets.token_hex(4)}"
    for module in ("mongo", "postgres"):
        monkeypatch.setattr(f"backends.clients.{module}.application_name", lambda: name)
    monkeypatch.setattr("backends.pools.own.application_name", lambda: name)
    service = build(mongo=mongo_url, chunks=postgres_database)
    mongo, chunks = service._mongo, service._postgres["chunks"]
    other = MongoTarget(f"{mongo_url.rstrip('/')}/?retryReads=false", "elsewhere", "X")
    async with AsyncExitStack() as stack:
        token = await stack.enter_async_context(token_for(gate_in(tmp_path), "toy.write", chunks.target.where))
        await stack.enter_async_context(chunks.listening("things"))
        await stack.enter_async_context(chunks.studying(5_000))
        await stack.enter_async_context(chunks.writing(token, 5_000))
        database = await stack.enter_async_context(mongo.reading_at(other))
        await database.list_collection_names()
        snapshot = await service.sample(probe=False)
        seen = [each for server in snapshot.servers for each in server.by_app if each.app == name]
        cost = snapshot.own.cost
        assert sum(each.total for each in seen) == cost.connections == 8
        assert (cost.monitors, cost.apart) == (2, 3)
        assert [each.difference for each in seen if each.counted == 4] == [""], "Postgres' are all accounted for"
    await until(lambda: chunks.pool_count().apart == 0)


def test_a_rate_needs_two_counts_that_are_not_too_close() -> None:
    rate = Rate()
    assert [rate.of(*counted) for counted in ((10, 0.0), (12, 0.1), (20, 1.0), (99, 1.2), (30, 2.0))] == [
        None, None, 10.0, 10.0, 10.0,
    ]  # fmt: skip


def test_old_measurements_leave_the_window() -> None:
    now = 0.0
    durations = Durations(lambda: now)
    durations.add(5.0)
    assert durations.timings() == Timings(5000.0, 5000.0, 5000.0, 1)
    now = WINDOW_S + 1
    durations.add(0.001)
    assert durations.timings() == Timings(1.0, 1.0, 1.0, 1)
    for _ in range(3 * WINDOW_COUNT):
        durations.add(0.002)
    assert durations.timings().n == WINDOW_COUNT
