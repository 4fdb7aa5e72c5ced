"""Several servers asked at once: each with its own outcome and its own deadline."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from backends.clients.errors import CannotConnect, DeadlineExceeded
from backends.pools.model import Kind
from backends.pools.report import report
from backends.pools.rules import state_of, summary
from backends.sampling.state import State
from console.demo.servers import MongoServer, PostgresServer
from tests.backends.pools.conftest import Build, frozen


async def test_a_frozen_mongo_is_a_problem_within_its_deadline_and_hides_nobody(
    build: Build, tmp_path: Path, postgres_database: str
) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=server.url, chunks=postgres_database, deadline_s=2.0)
        assert all(each.problem is None for each in (await service.sample()).servers)
        with frozen(server.pid):
            started = time.monotonic()
            snapshot = await service.sample()
            assert time.monotonic() - started < 3.0
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


async def test_a_frozen_postgres_is_a_problem_and_comes_back(build: Build, tmp_path: Path, mongo_url: str) -> None:
    async with PostgresServer(tmp_path / "data") as server:
        service = build(mongo=mongo_url, chunks=server.url(), deadline_s=1.0)
        await service.sample()
        with frozen(server.pid):
            mongo, postgres = (await service.sample()).servers
            assert mongo.current
            assert postgres.problem is not None
            assert "127.0.0.1" in postgres.problem.where
            with pytest.raises(DeadlineExceeded):
                await service.server(postgres.place)
        async with asyncio.timeout(20):
            while (await service.sample()).servers[1].problem is not None:
                pass


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
