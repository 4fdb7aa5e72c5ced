"""What the runs' spine costs: a thousand batches with it and without, and a list with ten thousand old runs in it."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient

from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import WATCHING, PostgresTarget, Role, mongo_targets
from backends.runs import postgres_store
from backends.runs.job import Context, Job, Step
from backends.runs.model import NewRun, Progress, Unit
from backends.runs.mongo_store import MongoRunStore
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.sizing import Limits
from backends.runs.store import RunStore
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from tests.benchmarks.conftest import Figures

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

BATCHES = 1_000
ITEMS = 500
"""Documents of 1 KB in each batch; half of what jobs move at once."""

OLD_RUNS = 10_000
ROUNDS = 3
AUTHOR = this_author("demo", "development", "olorin bench")


class Silent:
    """Tells nobody."""

    def state(self, state: str, why: str) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


def documents(batch: int) -> list[dict[str, Any]]:
    """A batch's documents."""
    return [{"_id": batch * ITEMS + number, "body": "x" * 1000} for number in range(ITEMS)]


ROWS = 10_000
FILL = "INSERT INTO filled SELECT n, repeat('x', 250) FROM generate_series($1::bigint, $2::bigint) n"
"""Inside the server, as a re-partition does it."""


class Filling(Job):
    """Inserts batches of equal size, in a transaction each, as the bare loop does."""

    kind: ClassVar[str] = "fill"
    act: ClassVar[str] = "fill.insert"
    limits = Limits(ITEMS, ITEMS, ITEMS)

    def __init__(self, batches: int, is_mongo: bool) -> None:
        self.batches, self.is_mongo = batches, is_mongo

    async def prepare(self, context: Context) -> None:
        context.expect(Unit("items", self.batches * ITEMS))

    async def batch(self, context: Context) -> Step:
        done = int(context.checkpoint.get("batches", 0))
        if done == self.batches:
            return Step.DONE
        async with context.batch() as batch:
            if self.is_mongo:
                await batch.database["filled"].insert_many(documents(done), session=batch.session)
            else:
                await batch.connection.execute(FILL, done * ROWS, done * ROWS + ROWS - 1)
            batch.did("items", ITEMS, size_bytes=1000 * ITEMS)
            batch.checkpoint = {"batches": done + 1}
        return Step.MORE


async def spine_s(store: RunStore, batches: int, state: Path, run_id: str) -> float:
    """Seconds that a run takes, from its start to its verdict."""
    gate = Gate(AuditTrail(state), AUTHOR, Arming(), production=False)
    is_mongo = isinstance(store, MongoRunStore)
    runner = Runner(store, lambda run: Filling(batches, is_mongo), gate, AUTHOR, "1", Silent())
    consent = Consent("command", explicit=True)
    await runner.create(NewRun(run_id, "fill", store.where), "fill.plan", consent)
    began = time.perf_counter()
    verdict = await runner.execute(run_id, consent)
    assert (verdict.state, verdict.counts["done"]) == ("done", batches * ITEMS)
    return time.perf_counter() - began


async def bare_postgres_s(url: str, batches: int) -> float:
    """Seconds of the same batches, each in a transaction, with the driver alone."""
    connection = await asyncpg.connect(url)
    began = time.perf_counter()
    for batch in range(batches):
        async with connection.transaction():
            await connection.execute(FILL, batch * ROWS, batch * ROWS + ROWS - 1)
    took = time.perf_counter() - began
    await connection.close()
    return took


async def bare_mongo_s(url: str, database: str, batches: int) -> float:
    """Seconds of the same batches, each in a transaction, with the driver alone."""
    client: Any = AsyncIOMotorClient(url)
    began = time.perf_counter()
    async with await client.start_session() as session:
        for batch in range(batches):
            async with session.start_transaction():
                await client[database]["filled"].insert_many(documents(batch), session=session)
    took = time.perf_counter() - began
    client.close()
    return took


async def test_the_spine_beside_bare_batches_in_postgres(
    postgres_database: str, tmp_path: Path, figures: Figures
) -> None:
    admin = await asyncpg.connect(postgres_database)
    await admin.execute("CREATE TABLE filled (id bigint PRIMARY KEY, body text)")
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    ratios = []
    for turn in range(ROUNDS):
        bare = await bare_postgres_s(postgres_database, BATCHES // ROUNDS)
        await admin.execute("TRUNCATE filled; CHECKPOINT")
        ours = await spine_s(PostgresRunStore(client), BATCHES // ROUNDS, tmp_path, f"r-{turn}")
        await admin.execute("TRUNCATE filled; CHECKPOINT")
        ratios.append(ours / bare)
    figures.add("1,000 batches in Postgres with the spine, to bare ones", statistics.median(ratios), "x", 1.05)
    await admin.close()
    await client.aclose()


async def test_the_spine_beside_bare_batches_in_mongo(
    mongo_url: str, mongo_database: str, tmp_path: Path, figures: Figures
) -> None:
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    store = MongoRunStore(clients, clients.target(Role.MAIN))
    ratios = []
    with MongoClient[dict[str, Any]](mongo_url) as admin:
        for turn in range(ROUNDS):
            bare = await bare_mongo_s(mongo_url, mongo_database, BATCHES // ROUNDS)
            admin[mongo_database].drop_collection("filled")
            ours = await spine_s(store, BATCHES // ROUNDS, tmp_path, f"r-{turn}")
            admin[mongo_database].drop_collection("filled")
            ratios.append(ours / bare)
    figures.add("1,000 batches in Mongo with the spine, to bare ones", statistics.median(ratios), "x", 1.05)
    await clients.aclose()


@pytest.fixture
async def stores(mongo_url: str, mongo_database: str, postgres_database: str) -> AsyncIterator[tuple[RunStore, ...]]:
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    yield MongoRunStore(clients, clients.target(Role.MAIN)), PostgresRunStore(client)
    await clients.aclose()
    await client.aclose()


async def test_a_list_of_ten_thousand_old_runs(
    stores: tuple[RunStore, ...],
    mongo_url: str,
    mongo_database: str,
    postgres_database: str,
    tmp_path: Path,
    figures: Figures,
) -> None:
    """A page out of ten thousand beside a page out of fifty, in turn, and the page after the middle."""
    runs = RunsService(stores, AUTHOR, tmp_path, lambda run_id, typed: ())
    with MongoClient[dict[str, Any]](mongo_url) as client:
        await plant(client, mongo_database, postgres_database, 0, 50)
        few = await page_s(runs)
        await plant(client, mongo_database, postgres_database, 50, OLD_RUNS)
        many = await page_s(runs)
        page = await runs.page()
        assert len(page.runs) == 50
        for _ in range(20):
            page = await runs.page(after=page.next)
        began = time.perf_counter()
        await runs.page(after=page.next)
        deep = time.perf_counter() - began
    figures.add("a page of 10,000 runs, to a page of 50", many / few, "x", 1.5)
    figures.add("the 22nd page of 10,000 runs, to the first", deep / many, "x", 1.5)


async def page_s(runs: RunsService) -> float:
    """Seconds of the newest page, the median of a few."""
    took = []
    for _ in range(9):
        began = time.perf_counter()
        await runs.page()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def plant(client: MongoClient[dict[str, Any]], database: str, url: str, first: int, last: int) -> None:
    """Old runs, half of them in each store."""
    connection = await asyncpg.connect(url)
    await connection.execute(query(postgres_store.__file__, "tables"))
    await connection.execute(
        "INSERT INTO console_runs (id, kind, state, place, scope, plan, options, created_at)"
        " SELECT 'p-' || n, 'toy', 'done', 'x', 'database', '', '{}', now() - n * interval '1 hour'"
        " FROM generate_series($1::int, $2) n",
        first, last // 2,
    )  # fmt: skip
    await connection.execute("ANALYZE console_runs")
    await connection.close()
    kept = client[database]["console_runs"]
    kept.create_index([("created_at", -1), ("_id", -1)])
    said = {"kind": "toy", "state": "done", "scope": "database"}
    planted = range(first, last // 2)
    now = datetime.now(UTC)
    kept.insert_many([{"_id": f"m-{n}", "created_at": now - timedelta(hours=n), **said} for n in planted])
