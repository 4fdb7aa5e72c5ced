"""The re-partitioning's speed: its copy beside one bare INSERT … SELECT, its memory, its writers' pace, and its lock.

A million rows of 500 bytes; OLORIN_BENCH_ROWS says otherwise.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest

from backends.migrations.repartition.ddl import Target, indexes, table_statements
from backends.migrations.repartition.rows import forward
from backends.migrations.repartition.shape import read_shape
from tests.backends.migrations.repartition.place import PARENTS, Place, layout
from tests.benchmarks.conftest import Figures

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

ROWS = int(os.environ.get("OLORIN_BENCH_ROWS", "1000000"))
PACE = 500
"""Changes a second."""


@pytest.fixture
async def place(postgres_database: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = await Place.at(postgres_database, tmp_path)
    await made.admin.execute(PARENTS + layout("list"))
    await made.admin.execute(
        "INSERT INTO collections SELECT 'c' || n FROM generate_series(1, 5000) n;"
        "INSERT INTO chunks (partition_key, collection_id, document_id, chunking_config_id, chunk_index, content)"
        " SELECT abs(hashtext(c)) % 100, c, 'd' || n % 50000, 1, n, repeat(md5(n::text), 12)"
        f" FROM (SELECT n, 'c' || 1 + n % 5000 AS c FROM generate_series(1, {ROWS}) n) AS s; ANALYZE"
    )
    yield made
    await made.aclose()


async def bare(place: Place) -> float:
    """Seconds of one INSERT … SELECT into the same layout, with its primary key and indexes there already."""
    async with place.client.reading() as session:
        target = Target(await read_shape(session), "hash", "20250101_000000")
    shape = target.shape
    for line in (*table_statements(target), *(each.statement for each in indexes(target))):
        await place.admin.execute(line)
    route = forward(shape, shape.table, shape.next, "", "hash")
    began = time.monotonic()
    await place.admin.execute(f"{route.insert} FROM {shape.table} o")
    took = time.monotonic() - began
    await place.admin.execute(f"DROP TABLE {shape.next}")
    return took


@dataclass
class Paced:
    """A writer of PACE changes a second, as long as it is let."""

    url: str
    done: int = 0
    running: bool = True
    longest_s: float = 0.0

    async def work(self) -> None:
        connection, began = await asyncpg.connect(self.url), time.monotonic()
        while self.running:
            for _ in range(10):
                before = time.monotonic()
                await connection.execute("UPDATE chunks SET chunk_index = $1 WHERE id = $2", self.done, self._id())
                self.longest_s = max(self.longest_s, time.monotonic() - before)
                self.done += 1
            await asyncio.sleep(max(began + self.done / PACE - time.monotonic(), 0))
        await connection.close()

    def _id(self) -> int:
        return self.done * 7919 % ROWS + 1


async def test_copy(place: Place, figures: Figures) -> None:
    """Ratio: seconds of the bare statement to those of the copy with capture, checkpoints, keys and indexes."""
    baseline = await bare(place)
    run_id, began = await place.start(), time.monotonic()
    phases: list[str] = []
    process = psutil.Process()
    resident = [process.memory_info().rss]

    async def watch() -> None:
        other = await asyncpg.connect(place.url)
        while True:
            body = await other.fetchval("SELECT body::text FROM console_run_checkpoints") or ""
            phase = body.partition('"phase": "')[2].partition('"')[0]
            if phase and (not phases or phases[-1].split()[0] != phase):
                phases.append(f"{phase} {time.monotonic() - began:.1f}")
            resident.append(process.memory_info().rss)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    assert (await place.resume(run_id)).state == "holding"
    watching.cancel()
    took = time.monotonic() - began
    before = ("build", "capture", "copy", "settle", "index")
    copied = next(float(each.split()[1]) for each in phases if not each.startswith(before))
    figures.add(f"copy of {ROWS:,} rows with keys and indexes, to one INSERT", baseline / copied, "times")
    figures.add("one INSERT … SELECT", baseline, "s")
    figures.add("copied, keyed and indexed", copied, "s", baseline / 1.2)
    figures.add("proven and holding", took, "s")
    figures.add("memory of the process that copies, more than before", (max(resident) - resident[0]) / 2**20, "MB")


async def test_writers_and_the_lock(place: Place, figures: Figures) -> None:
    """Ratio: the changes a second that a writer paced at 500 gets through; and how long the swap's lock was held."""
    alone = Paced(place.url)
    task = asyncio.create_task(alone.work())
    await asyncio.sleep(5)
    alone.running = False
    await task
    beside, began = Paced(place.url), time.monotonic()
    task = asyncio.create_task(beside.work())
    assert (await place.execute()).state == "holding"
    during = beside.done / (time.monotonic() - began)
    verdict = await place.swap()
    assert verdict.state == "done", verdict
    beside.running = False
    await task
    lock = verdict.counts["lock_ms"]
    figures.add("writers' changes beside the run, to those alone", during / (alone.done / 5), "times")
    figures.add("changes that writers lose beside the run", 100 * (1 - during / (alone.done / 5)), "%", 10)
    figures.add("lock of the swap", lock, "ms", 500)
    figures.add("keys applied under it", verdict.counts["applied_under_lock"], "keys")
    figures.add("longest change of a writer", beside.longest_s * 1000, "ms")
