"""What the runs' spine costs: a thousand batches with it and without, and a list with ten thousand old runs in it."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol

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
from backends.runs.store import RunKey, RunStore
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from tests.benchmarks.conftest import Figures

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

BATCHES = 1_000
ITEMS = 1_000
"""Documents of 1 KB in each batch, as jobs move them."""

ROWS, PARTITIONS = 10_000, 100
EMPTIED = 100
"""Batches after which the tables are emptied."""

OLD_RUNS = 10_000
AUTHOR = this_author("demo", "development", "olorin bench")


def filling(table: str) -> str:
    """A batch's statement; the rows are as large as chunks are."""
    rows = "SELECT n, repeat('x', 500) FROM generate_series($1::bigint, $2::bigint) n"
    return f"INSERT INTO {table} {rows}"


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


class Bare(Protocol):
    """The same batches with the driver alone, on a connection of its own."""

    async def batch(self, number: int) -> None:
        """One, in a transaction."""

    async def empty(self) -> None:
        """Empties what both fill: ten gigabytes would measure the disk."""


@dataclass
class BarePostgres:
    """Rows inside the server, as a re-partition makes them."""

    connection: asyncpg.Connection[asyncpg.Record]

    async def batch(self, number: int) -> None:
        async with self.connection.transaction():
            await self.connection.execute(filling("bare"), number * ROWS, number * ROWS + ROWS - 1)

    async def empty(self) -> None:
        await self.connection.execute("TRUNCATE bare, filled")


@dataclass
class BareMongo:
    """Documents of 1 KB."""

    database: Any
    session: Any

    async def batch(self, number: int) -> None:
        async with self.session.start_transaction():
            await self.database["bare"].insert_many(documents(number), session=self.session)

    async def empty(self) -> None:
        await self.database["bare"].drop()
        await self.database["filled"].drop()


class Filling(Job):
    """Batches of equal size, each beside a bare one: what loads the machine meanwhile loads both.

    They take turns in coming first: a server tidies up every so many writes, which would always meet the same one.
    """

    kind: ClassVar[str] = "fill"
    act: ClassVar[str] = "fill.insert"
    limits = Limits(ITEMS, ITEMS, ITEMS)

    def __init__(self, bare: Bare) -> None:
        self.bare = bare
        self.bare_s = self.aside_s = 0.0

    async def prepare(self, context: Context) -> None:
        context.expect(Unit("items", BATCHES * ITEMS))

    async def batch(self, context: Context) -> Step:
        done = int(context.checkpoint.get("batches", 0))
        if done == BATCHES:
            return Step.DONE
        if done % 2:
            await self._beside(done)
        await self._fill(context, done)
        if not done % 2:
            await self._beside(done)
        return Step.MORE

    async def _fill(self, context: Context, done: int) -> None:
        async with context.batch() as batch:
            if isinstance(self.bare, BareMongo):
                await batch.database["filled"].insert_many(documents(done), session=batch.session)
            else:
                await batch.connection.execute(filling("filled"), done * ROWS, done * ROWS + ROWS - 1)
            batch.did("items", ITEMS, size_bytes=1000 * ITEMS)
            batch.checkpoint = {"batches": done + 1}

    async def _beside(self, number: int) -> None:
        began = time.perf_counter()
        if number % EMPTIED == 0:
            await self.bare.empty()
        emptied = time.perf_counter()
        await self.bare.batch(number)
        self.bare_s += time.perf_counter() - emptied
        self.aside_s += time.perf_counter() - began


async def ratio(store: RunStore, bare: Bare, state: Path) -> float:
    """A run of BATCHES, from its start to its verdict, to the bare batches beside it."""
    job = Filling(bare)
    gate = Gate(AuditTrail(state), AUTHOR, Arming(), production=False)
    runner = Runner(store, lambda run: job, gate, AUTHOR, "1", Silent())
    consent = Consent("command", explicit=True)
    await runner.create(NewRun("r-1", "fill", store.where), "fill.plan", consent)
    began = time.perf_counter()
    verdict = await runner.execute("r-1", consent)
    took = time.perf_counter() - began
    assert (verdict.state, verdict.counts["done"]) == ("done", BATCHES * ITEMS)
    return (took - job.aside_s) / job.bare_s


async def test_the_spine_beside_bare_batches_in_postgres(
    postgres_database: str, tmp_path: Path, figures: Figures
) -> None:
    connection = await asyncpg.connect(postgres_database)
    for table in ("bare", "filled"):
        await connection.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, body text) PARTITION BY HASH (id)")
        for number in range(PARTITIONS):
            part = f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            await connection.execute(f"{part} FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})")
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    found = await ratio(PostgresRunStore(client), BarePostgres(connection), tmp_path)
    figures.add("1,000 batches in Postgres with the spine, to bare ones", found, "x", 1.05)
    await connection.close()
    await client.aclose()


async def test_the_spine_beside_bare_batches_in_mongo(
    mongo_url: str, mongo_database: str, tmp_path: Path, figures: Figures
) -> None:
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    driver: Any = AsyncIOMotorClient(mongo_url)
    async with await driver.start_session() as session:
        bare = BareMongo(driver[mongo_database], session)
        found = await ratio(MongoRunStore(clients, clients.target(Role.MAIN)), bare, tmp_path)
    figures.add("1,000 batches in Mongo with the spine, to bare ones", found, "x", 1.05)
    driver.close()
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
        (few,) = await pages_s(runs, None)
        await plant(client, mongo_database, postgres_database, 50, OLD_RUNS)
        page = await runs.page()
        assert len(page.runs) == 50
        for _ in range(20):
            page = await runs.page(after=page.next)
        many, deep = await pages_s(runs, None, page.next)
    figures.add("a page of 10,000 runs, to a page of 50", many / few, "x", 1.5)
    figures.add("the 22nd page of 10,000 runs, to the first", deep / many, "x", 1.5)


async def pages_s(runs: RunsService, *starts: RunKey | None) -> list[float]:
    """Seconds of the page after each of the starts (None: the newest), asked for in turn; the medians of a few."""
    took: list[list[float]] = [[] for _ in starts]
    for _ in range(9):
        for times, after in zip(took, starts, strict=True):
            began = time.perf_counter()
            await runs.page(after=after)
            times.append(time.perf_counter() - began)
    return [statistics.median(times) for times in took]


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
