"""Several servers asked at once: each with its own outcome and its own deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

from backends.clients.errors import CannotConnect, DeadlineExceeded
from backends.clients.targets import PoolLimits
from backends.pools.history import History
from backends.pools.model import Kind
from backends.pools.own import own_counts
from backends.pools.report import report
from backends.pools.rules import HOT_S, LONGEST_REST_S, WATCHING_SHARE, judge_pool, judge_server, state_of, summary
from backends.pools.series import server_series
from backends.pools.service import PoolsService
from backends.sampling.state import State
from console.demo.servers import MongoServer, PostgresServer
from tests.backends.pools.conftest import Build, frozen
from tests.faults.proxy import Proxy, proxy_to

Distant: TypeAlias = tuple[Proxy, PoolsService]

PATIENT = PoolLimits(max=2, min=0, wait_s=10.0)
"""Its drivers wait for longer than a reading may take."""


async def test_a_frozen_mongo_is_a_problem_within_its_deadline_and_hides_nobody(
    build: Build, tmp_path: Path, postgres_database: str
) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=server.url, chunks=postgres_database, deadline_s=2.0)
        assert all(each.problem is None for each in (await service.sample()).servers)
        with frozen(server.pid):
            started = time.monotonic()
            snapshot = await service.sample()
            assert time.monotonic() - started < 8.0, "the driver itself waits for ten seconds"
        mongo, postgres = snapshot.servers
        assert mongo.problem is not None
        assert mongo.problem.kind in {"too slow", "cannot connect"}
        assert (mongo.current, mongo.by_app) == (None, ())
        assert postgres.current
        assert postgres.problem is None
        assert state_of(snapshot) is State.NO_DATA
        shown = report(snapshot)["servers"]
        assert [each["status"] for each in shown] == ["no data", "ok"]
        assert shown[0]["current"] is None


async def test_look_ups_take_no_second_deadline_of_a_frozen_server(
    build: Build, tmp_path: Path, mongo_url: str
) -> None:
    """The main database is frozen, and Olorin's answers: all is over within one deadline, not two."""
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=server.url, olorin=mongo_url, deadline_s=4.0, limits=PATIENT)
        await service.sample(probe=False)
        with frozen(server.pid):
            started = time.monotonic()
            snapshot = await service.sample()
            assert time.monotonic() - started < 7.5, "two deadlines are eight seconds"
    main, olorin = snapshot.servers
    assert (main.problem is None, olorin.problem) == (False, None)
    assert snapshot.latency.get_content.n == 0


async def test_look_ups_are_measured_while_another_server_is_frozen(
    build: Build, tmp_path: Path, mongo_url: str, mongo_database: str
) -> None:
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client[mongo_database]["content"].insert_many([{"title": str(n)} for n in range(3)])
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=mongo_url, database=mongo_database, olorin=server.url, deadline_s=4.0, limits=PATIENT)
        await service.sample(probe=False)
        with frozen(server.pid):
            started = time.monotonic()
            snapshot = await service.sample()
            assert time.monotonic() - started < 7.5, "two deadlines are eight seconds"
    assert [each.problem is None for each in snapshot.servers] == [True, False]
    assert snapshot.latency.problem is None
    assert snapshot.latency.get_content.n


async def test_a_postgres_that_freezes_or_restarts_is_a_problem_and_comes_back(
    build: Build, tmp_path: Path, mongo_url: str
) -> None:
    async with PostgresServer(tmp_path / "data") as server, proxy_to("127.0.0.1", server.port) as proxy:
        url = server.url().replace(f":{server.port}/", f":{proxy.port}/")
        service = build(mongo=mongo_url, chunks=url, deadline_s=1.0)
        await service.sample()

        async def comes_back() -> None:
            async with asyncio.timeout(20):
                while (found := (await service.sample()).servers[1]).problem is not None:
                    pass
            assert found.current

        with frozen(server.pid):
            mongo, postgres = (await service.sample()).servers
            assert mongo.current
            assert postgres.problem is not None
            assert "127.0.0.1" in postgres.problem.where
            with pytest.raises(DeadlineExceeded):
                await service.server(postgres.place)
        await comes_back()
        await server.stop()
        mongo, postgres = (await service.sample()).servers
        assert (mongo.problem, postgres.current) == (None, None)
        await server.start()
        proxy.target = ("127.0.0.1", server.port)
        await comes_back()
        assert service._postgres["chunks"].pool_count().connections <= 2, "what the restart ended is counted no more"


async def test_a_pool_that_nothing_needed_is_well_while_its_server_answers(build: Build, tmp_path: Path) -> None:
    """Of two databases on one server the first is asked; the second's pool has no connection, and misses none."""
    async with PostgresServer(tmp_path / "data") as server:
        service = build(bots=server.url(), chunks=server.url("postgres"), deadline_s=1.0)
        assert len(service.places) == 1
        assert [judge_pool(pool).state for pool in (await service.own()).pools] == [State.NO_DATA] * 2
        snapshot = await service.sample()
        assert [pool.opened for pool in snapshot.own.pools] == [1, 0]
        assert [each["status"] for each in report(snapshot)["pools"]] == ["ok", "ok"]
        assert state_of(snapshot) is summary(snapshot).state is State.OK
        with frozen(server.pid):
            silent = await service.sample()
        assert [each["status"] for each in report(silent)["pools"]] == ["no data", "no data"]
        assert state_of(silent) is summary(silent).state is State.NO_DATA


async def test_a_server_that_is_down_is_named_without_its_password(build: Build, mongo_url: str) -> None:
    service = build(mongo=mongo_url, chunks="postgresql://ops:hunter22@127.0.0.1:9/chunks")
    mongo, postgres = (await service.sample()).servers
    assert mongo.current
    assert postgres.problem is not None
    assert postgres.problem.kind == "cannot connect"
    assert "hunter22" not in repr(postgres)
    with pytest.raises(CannotConnect):
        await service.server(postgres.place)


async def test_nothing_configured(build: Build) -> None:
    service = build()
    assert service.places == ()
    assert [problem.hint for problem in service.unconfigured] == ["Set MONGODB_URI."]
    snapshot = await service.sample()
    assert state_of(snapshot) is State.NO_DATA
    assert summary(snapshot).state is State.NOT_CONFIGURED
    assert report(snapshot) == {
        "pools": [],
        "servers": [],
        "latency": {
            name: {"p50_ms": None, "p95_ms": None, "p99_ms": None, "n": 0}
            for name in ("get_content", "get_contents_batch")
        },
        "self": {"connections": 0, "queries_per_s": None},
    }


async def test_replica_sets_and_sockets_are_named_by_their_hosts(build: Build, tmp_path: Path) -> None:
    service = build(
        mongo="mongodb://ops:hunter22@db2,db1:27018/?replicaSet=rs0",
        chunks=f"postgresql://ops:hunter22@/chunks?host={tmp_path}&port=5433",
    )
    assert [(place.kind, place.name) for place in service.places] == [
        (Kind.MONGO, "db1:27018,db2:27017"),
        (Kind.POSTGRES, f"{tmp_path}:5433"),
    ]
    assert [pool.name for pool in (await service.own()).pools] == ["db1:27018,db2:27017", f"{tmp_path}:5433/chunks"]


@asynccontextmanager
async def behind_a_proxy(build: Build, kind: str, url: str) -> AsyncIterator[Distant]:
    """A service on one real server, with a proxy between them."""
    parts = urlsplit(url)
    async with proxy_to(parts.hostname or "127.0.0.1", parts.port or 5432) as proxy:
        user, at, _ = parts.netloc.rpartition("@")
        there = parts._replace(netloc=f"{user}{at}127.0.0.1:{proxy.port}")
        query = "directConnection=true" if kind == "mongo" else there.query
        service = build(**{kind: there._replace(query=query).geturl()})
        yield proxy, service


QUESTIONS = {"chunks": b"pg_stat_activity", "mongo": b"serverStatus"}
"""Words that are in what a server is asked, and not in a ping."""


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_a_hot_server_is_left_alone_until_it_answers_quickly_again(
    build: Build, kind: str, mongo_url: str, postgres_database: str
) -> None:
    """It is near, and its answers alone take long. One slow reading says nothing yet."""
    url = {"chunks": postgres_database, "mongo": mongo_url}[kind]
    async with behind_a_proxy(build, kind, url) as (proxy, service):
        read = partial(service.server, *service.places)
        assert (await read()).rest_s == 0
        proxy.delay_s, proxy.delayed = 1.5 * HOT_S, QUESTIONS[kind]
        assert (await read()).rest_s == 0
        hot = await read()
        assert hot.took_s >= HOT_S
        assert WATCHING_SHARE * HOT_S <= hot.rest_s <= LONGEST_REST_S
        # Nor does whoever reads everything, such as the overview and the alerts, ask it meanwhile.
        asked = [each.queries for each in own_counts(service._mongo, service._postgres)]
        (kept,) = (await service.sample()).servers
        assert [each.queries for each in own_counts(service._mongo, service._postgres)] == asked
        assert (kept.current, kept.notes) == (
            hot.current,
            (*hot.notes, "it is hot and left alone: its numbers are 0 s old"),
        )
        proxy.restore()
        assert (await read()).rest_s == 0


@pytest.mark.parametrize("kind", QUESTIONS)
async def test_a_server_that_is_far_away_and_idle_is_not_hot(
    build: Build, kind: str, mongo_url: str, postgres_database: str
) -> None:
    """Each of several questions takes 0.1 s by the way alone."""
    url = {"chunks": postgres_database, "mongo": mongo_url}[kind]
    async with behind_a_proxy(build, kind, url) as (proxy, service):
        read = partial(service.server, *service.places)
        await read()
        proxy.delay_s = HOT_S / 4
        far = [await read() for _ in range(2)]
    assert [each.rest_s for each in far] == [0, 0]
    assert max(each.took_s for each in far) < HOT_S


async def test_a_filling_server_is_forecast(build: Build, postgres_database: str) -> None:
    """Five minutes of readings, each a little more, as far as the service knows: it says when the server is full."""
    service = build(chunks=postgres_database)
    (place,) = service.places
    now = (await service.server(place)).current or 0
    series, clock = server_series(place), time.monotonic()
    service.history = History()
    for step in range(60, 0, -1):
        service.history.add(series, clock - 5 * step, now - step * 0.5)
    server = await service.server(place)
    assert server.limit is not None
    assert server.full_in_s == pytest.approx((server.limit - now) / 0.1, rel=0.1)
    assert judge_server(server).why.startswith("full in about")
