"""What watching costs with a thousand connections on each server, and what the content look-ups add to the driver."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pymongo import MongoClient

from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget, Role, mongo_targets
from backends.pools.content import ContentMetadata
from backends.pools.service import PoolsService
from console.demo.servers import MongoServer, PostgresServer
from tests.benchmarks.conftest import Figures
from tests.faults.proxy import proxy_to

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

APPS = 50
EACH = {"mongo": 19, "postgres": 20}
"""Connections of each application; the embedded Mongo takes a thousand in all, ours among them."""

REFRESH_MS = 2_000.0
ROUNDS = 20
BATCH = 50
DELAY_S = 0.001
"""Added in each direction: 2 ms a round trip."""


@asynccontextmanager
async def held(kind: str, url: str) -> AsyncIterator[None]:
    """A thousand connections of fifty applications, held by a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("connection_holder.py")), kind, url, str(APPS), str(EACH[kind]),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def cpu_ms(call: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """Milliseconds of this process's own time that one call costs, threads included."""
    started = time.process_time()
    for _ in range(rounds):
        await call()
    return (time.process_time() - started) * 1000 / rounds


async def took_ms(call: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """The median of what one call takes, in milliseconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1000)
    return median(times)


async def test_sampling_a_thousand_connections(tmp_path: Path, figures: Figures) -> None:
    postgres = PostgresServer(tmp_path / "postgres", settings={"max_connections": str(APPS * EACH["postgres"] + 50)})
    async with MongoServer(tmp_path / "mongo", durable=False) as mongo, postgres:
        clients = MongoClients(mongo_targets({"MONGODB_URI": mongo.url}), WATCHING)
        chunks = PostgresClient(PostgresTarget(postgres.url(), "CHUNKS_DATABASE_URL"), WATCHING)
        service = PoolsService(clients, {"chunks": chunks}, HttpClient())
        async with held("mongo", mongo.url), held("postgres", postgres.url()):
            for place in service.places:
                server = await service.server(place)
                kind = place.kind.value
                assert (server.current or 0) >= APPS * EACH[kind]
                assert len(server.by_app) >= APPS
                spent = await cpu_ms(lambda place=place: service.server(place))  # type: ignore[misc]
                spent += await cpu_ms(service.own)
                name = f"pools: share of a core, {kind}, {server.current} connections, 2 s"
                figures.add(name, 100 * spent / REFRESH_MS, "%", 1.0)
            admin = (await clients._client(Role.MAIN, clients.target(Role.MAIN)))["admin"]
            bare = await cpu_ms(lambda: admin.command({"currentOp": 1, "$all": True}))
            figures.add("pools: of which the bare driver's list, mongo", 100 * bare / REFRESH_MS, "%")
        await clients.aclose()
        await chunks.aclose()


async def test_a_batch_of_fifty(mongo_url: str, mongo_database: str, figures: Figures) -> None:
    ids = [ObjectId() for _ in range(BATCH)]
    with MongoClient[dict[str, Any]](mongo_url) as client:
        padding = {f"field_{n}": "x" * 20 for n in range(8)}
        client[mongo_database]["content"].insert_many([{"_id": _id, "title": str(_id), **padding} for _id in ids])
    named = [str(_id) for _id in ids]

    @asynccontextmanager
    async def adapter(url: str) -> AsyncIterator[tuple[ContentMetadata, MongoClients]]:
        environment = {"MONGODB_URI": url, "MONGODB_DB_NAME": mongo_database}
        clients = MongoClients(mongo_targets(environment), WATCHING)
        yield ContentMetadata(clients, "content"), clients
        await clients.aclose()

    async with adapter(mongo_url) as (content, clients):
        bare_client = await clients._client(Role.BAYIT, clients.target(Role.BAYIT))
        bare_collection = bare_client[mongo_database]["content"]

        async def bare() -> None:
            found = await bare_collection.find({"_id": {"$in": ids}}).to_list(None)
            assert len(found) == BATCH

        async def batch() -> None:
            assert len(await content.get_contents_batch(named)) == BATCH

        await bare()
        await batch()
        # Turn and turn about, so that whatever else the machine does falls on both.
        pairs = [(await took_ms(bare, 5), await took_ms(batch, 5)) for _ in range(ROUNDS)]
        baseline, ours = (median(column) for column in zip(*pairs, strict=True))
        figures.add("content: batch of 50, bare driver", baseline, "ms")
        figures.add("content: batch of 50, adapter / bare driver", ours / baseline, "×", 1.3)
    parts = urlsplit(mongo_url)
    async with proxy_to(parts.hostname or "127.0.0.1", parts.port or 27017) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        async with adapter(url) as (content, clients):
            far = (await clients._client(Role.BAYIT, clients.target(Role.BAYIT)))[mongo_database]["content"]
            proxy.delay_s = DELAY_S

            async def singles() -> None:
                for each in named:
                    assert await content.get_contents_batch([each])

            await singles()
            pairs = [
                (await took_ms(singles, 1), await took_ms(lambda: content.get_contents_batch(named), 3))
                for _ in range(5)
            ]
            one_by_one, at_once = (median(column) for column in zip(*pairs, strict=True))
            bare_at_once = await took_ms(lambda: far.find({"_id": {"$in": ids}}).to_list(None))
    figures.add("content: 50 single reads, 2 ms away", one_by_one, "ms")
    figures.add("content: bare batch / 50 single reads", bare_at_once / one_by_one, "×")
    figures.add("content: batch / 50 single reads (1/20 is allowed)", at_once / one_by_one, "×", 1 / 20)
