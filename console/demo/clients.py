"""Client applications that keep connection pools moving, and tell about them: `python -m console.demo.clients`.

PORT, OLORIN_DEMO_MONGO_URL, OLORIN_DEMO_ORCHESTRATION_URL and OLORIN_DEMO_SEMANTIK_URL in the environment. They read,
and write only what no planted count depends on: `content.view_count` and `chunking_configs.use_count`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

import asyncpg
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from console.demo import pool_gauges
from console.demo.bots_rows import SERVICE
from console.demo.pool_gauges import MongoPool, PoolState, Timing
from console.demo.seed_mongo import MAIN, OLORIN
from console.demo.serving import serve

Client: TypeAlias = AsyncMongoClient[dict[str, Any]]
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Work = Callable[[], Awaitable[object]]
Jobs = list[tuple[Work, float]]
"""What an application does, and about how often: every so many seconds."""
MongoJobs = Callable[[Client, list[Any]], Jobs]
PostgresJobs = Callable[[Pool], Jobs]

FAILURES: Final = (
    PyMongoError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, LookupError,
)  # fmt: skip
"""The drivers' errors, and that there is nothing to read yet."""
BACK_OFF: Final = (0.3, 5.0)
"""Seconds after the first failure, and the most."""
IN_TRANSACTION: Final = (2.0, 5.0)
"""Seconds that semantik-api now and then stays idle in a transaction."""

GET_CONTENT: Final = Timing("olorin_content_metadata_service_get_content_seconds")
BATCH_FETCH: Final = Timing("olorin_content_metadata_service_batch_fetch_seconds")
POOLS: Final[dict[str, Callable[[], PoolState]]] = {}
"""Every pool that was opened, by its application's name."""


async def again(work: Work, every: float) -> None:
    """Do it forever, about every so many seconds; after a failure wait longer and longer."""
    pause = BACK_OFF[0]
    while True:
        try:
            await work()
            pause = BACK_OFF[0]
            await asyncio.sleep(every * random.uniform(0.5, 1.5))
        except FAILURES:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, BACK_OFF[1])


async def until_done(work: Work) -> None:
    """Try until it works once."""
    pause = BACK_OFF[0]
    while True:
        with suppress(*FAILURES):
            await work()
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, BACK_OFF[1])


def mongo_client(url: str, listener: MongoPool, name: str | None, least: int, most: int) -> Client:
    return AsyncMongoClient(
        url,
        appname=name,
        minPoolSize=least,
        maxPoolSize=most,
        event_listeners=[listener],
        serverSelectionTimeoutMS=5_000,
        timeoutMS=5_000,
        serverMonitoringMode="poll",
    )


def bayit_api(client: Client, ids: list[Any]) -> Jobs:
    """People watch content: single reads and writes, and now and then a page full at once."""
    content = client[MAIN].content

    async def watch() -> None:
        chosen = random.choice(ids)
        await content.find_one({"_id": chosen})
        await content.update_one({"_id": chosen}, {"$inc": {"view_count": 1}})

    async def open_page() -> None:
        await asyncio.gather(*(content.find_one({"_id": random.choice(ids)}) for _ in range(8)))

    return [(watch, 1.0), (open_page, 4.0)]


def olorin_worker(client: Client, ids: list[Any]) -> Jobs:
    """Looks content up for Olorin, timed, and follows the changes of the library, which holds a connection."""
    content = client[MAIN].content

    async def get_content() -> None:
        await GET_CONTENT.of(lambda: content.find_one({"_id": random.choice(ids)}))

    async def batch_fetch() -> None:
        wanted = random.sample(ids, min(50, len(ids)))
        await BATCH_FETCH.of(lambda: content.find({"_id": {"$in": wanted}}).to_list())

    async def follow() -> None:
        async with await client[OLORIN].cultural_references.watch(max_await_time_ms=1_500) as stream:
            for _ in range(20):
                await stream.try_next()
                await asyncio.sleep(random.uniform(0.5, 2))

    return [(get_content, 1.5), (batch_fetch, 6.0), (follow, 3.0)]


def nameless(client: Client, _: list[Any]) -> Jobs:
    """Somebody's script, which didn't give its name."""

    async def count() -> None:
        await client[MAIN].live_channels.find({"is_active": True}).to_list()

    return [(count, 5.0)]


def semantik_api(pool: Pool) -> Jobs:
    """Reads chunks of a collection, keeps count of configurations, and sometimes forgets to commit for a while."""

    async def search() -> None:
        collection = await pool.fetchval("SELECT id FROM collections ORDER BY random() LIMIT 1")
        await pool.fetch(
            "SELECT content FROM chunks WHERE collection_id = $1 AND partition_key = get_partition_key($1) LIMIT 20",
            collection,
        )

    async def use_config() -> None:
        number = random.randrange(1, 5)
        await pool.execute(
            "UPDATE chunking_configs SET use_count = use_count + 1, last_used_at = now() WHERE id = $1", number
        )

    async def dawdle() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetchval("SELECT count(*) FROM documents")
            await asyncio.sleep(random.uniform(*IN_TRANSACTION))

    async def think() -> None:
        await pool.execute("SELECT pg_sleep($1)", random.uniform(0.2, 0.9))

    return [(search, 1.0), (use_config, 3.0), (dawdle, 15.0), (think, 2.0)]


def orchestration_service(pool: Pool) -> Jobs:
    """The service's own dashboards."""

    async def count() -> None:
        await pool.fetch("SELECT status, count(*) FROM bot_sessions GROUP BY status")

    async def correlate() -> None:
        await pool.execute("SELECT count(*), pg_sleep(0.3) FROM correlations")

    return [(count, 1.5), (correlate, 2.5)]


async def mongo_application(url: str, name: str | None, least: int, most: int, jobs: MongoJobs) -> None:
    listener = MongoPool(name or "unnamed", least, most)
    POOLS[name or "unnamed"] = listener.state
    async with mongo_client(url, listener, name, least, most) as client:
        ids: list[Any] = []

        async def learn() -> None:
            ids.extend([found["_id"] async for found in client[MAIN].content.find({}, ["_id"]).limit(500)])
            if not ids:
                raise LookupError("no content")

        await until_done(learn)
        await run(jobs(client, ids))


async def postgres_application(url: str, name: str, least: int, most: int, jobs: PostgresJobs) -> None:
    opened: list[Pool] = []

    async def connect() -> None:
        names = {"application_name": name}
        opened.append(
            await asyncpg.create_pool(
                url, min_size=least, max_size=most, timeout=5, command_timeout=10, server_settings=names
            )
        )

    await until_done(connect)
    POOLS[name] = lambda: pool_gauges.postgres_state(name, opened[0])
    try:
        await run(jobs(opened[0]))
    finally:
        opened[0].terminate()


async def run(jobs: Jobs) -> None:
    async with asyncio.TaskGroup() as group:
        for work, every in jobs:
            group.create_task(again(work, every))


async def applications() -> None:
    """All of them, until one fails in a way that nobody foresaw."""
    mongo, semantik = os.environ["OLORIN_DEMO_MONGO_URL"], os.environ["OLORIN_DEMO_SEMANTIK_URL"]
    orchestration = os.environ["OLORIN_DEMO_ORCHESTRATION_URL"]
    async with asyncio.TaskGroup() as group:
        group.create_task(mongo_application(mongo, "bayit-api", 4, 20, bayit_api))
        group.create_task(mongo_application(mongo, "olorin-worker", 2, 10, olorin_worker))
        group.create_task(mongo_application(mongo, None, 0, 5, nameless))
        group.create_task(postgres_application(semantik, "semantik-api", 3, 8, semantik_api))
        group.create_task(postgres_application(orchestration, SERVICE, 2, 6, orchestration_service))


@asynccontextmanager
async def beside_the_server(_: Starlette) -> AsyncIterator[None]:
    running = asyncio.create_task(applications())
    running.add_done_callback(lambda task: task.cancelled() or task.result())  # raises: the loop logs it
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def metrics(_: Request) -> Response:
    found = pool_gauges.text([state() for state in POOLS.values()], (GET_CONTENT, BATCH_FETCH))
    return PlainTextResponse(found, media_type="text/plain; version=0.0.4")


application = Starlette(routes=[Route("/metrics", metrics)], lifespan=beside_the_server)

if __name__ == "__main__":
    serve(application)
