"""Orphans at size: a scan beside the bare index scans and beside look-ups, a clean-up beside bare deletes, browsing.

`OLORIN_BENCH_CHILDREN` are the children of the scan (a million), of a tenth as many parents.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import DeleteOne

from backends.clients.mongo import MongoClients
from backends.orphans import scan as scanning
from backends.orphans.exemptions import Exempt
from backends.orphans.graph import Reference, reference_graph
from backends.orphans.service import OrphansService
from screens.orphans import OrphansScreen
from tests.backends.orphans.cleaner import Cleaner
from tests.benchmarks.conftest import Figures
from tests.olorin import Clock, Platform
from tests.scanning import scan_desk, scan_now
from tests.stage import shown, staged

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

CHILDREN = int(os.environ.get("OLORIN_BENCH_CHILDREN", "1000000"))
LOOKED_UP = 20_000
"""Children whose parents are looked up, from which the time of all follows."""

REMOVED = 10_000
PARENTS = 100_000
LIST = 5_000
KEYS = 100


@pytest.fixture
def cleaner(platform: Platform, mongo: MongoClients, tmp_path: Path) -> Cleaner:
    return Cleaner(platform, mongo, tmp_path, Clock())


def insert(platform: Platform, parents: list[ObjectId], missing: list[ObjectId], each: int, size: int = 0) -> None:
    """The parents that are there, and the children of all; indexes follow the documents."""
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    for start in range(0, len(parents), LIST):
        platform.bayit.content.insert_many([{"_id": key} for key in parents[start : start + LIST]])
    keys = [*parents, *missing]
    for start in range(0, len(keys), LIST // each):
        part = keys[start : start + LIST // each]
        platform.olorin.content_embeddings.insert_many(
            [{"content_id": str(key), "n": n, "text": "x" * size} for key in part for n in range(each)]
        )
    for field in ("content_id", "partner_id"):
        platform.olorin.content_embeddings.create_index(field)


def bare_scan_s(platform: Platform) -> float:
    """Seconds for both sides' covered indexes with the driver alone."""
    started = time.perf_counter()
    children = platform.olorin.content_embeddings.find({}, {"content_id": 1, "_id": 0}, batch_size=LIST)
    assert sum(1 for _ in children.sort("content_id", 1).hint("content_id_1")) == CHILDREN
    assert sum(1 for _ in platform.bayit.content.find({}, {"_id": 1}, batch_size=LIST).sort("_id", 1))
    return time.perf_counter() - started


def look_ups_s(platform: Platform, in_list: int) -> float:
    """Seconds that looking the parents of all children up would take, list by list."""
    started, seen, ids = time.perf_counter(), 0, list[ObjectId]()
    for child in platform.olorin.content_embeddings.find({}, {"content_id": 1}, batch_size=LIST).limit(LOOKED_UP):
        ids.append(ObjectId(child["content_id"]))
        seen += 1
        if len(ids) == in_list:
            assert list(platform.bayit.content.find({"_id": {"$in": ids}}, {"_id": 1})) is not None
            ids = []
    return (time.perf_counter() - started) * CHILDREN / seen


async def test_a_scan(platform: Platform, cleaner: Cleaner, figures: Figures) -> None:
    parents = [ObjectId() for _ in range(CHILDREN // 10)]
    insert(platform, parents, [], each=10)
    reference, history = reference_graph("content")[0], cleaner.orphans.history()
    bare, scans = [], []
    for _ in range(2):
        bare.append(bare_scan_s(platform))
        started = time.perf_counter()
        await scanning.scan_reference(
            cleaner.mongo, history, reference, Exempt(frozenset(), ()), cleaner.clock, _nobody
        )
        scans.append(time.perf_counter() - started)
    look_ups = min(look_ups_s(platform, 100), look_ups_s(platform, 1_000))
    figures.add(f"scan of {CHILDREN:,} children to bare index scans", min(scans) / min(bare), "times", 1.5)
    figures.add("scan to look-ups by the faster $in", min(scans) / look_ups, "times", 0.2)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.add("memory of the whole test process", peak_mb, "MB", 150)


async def test_a_clean_up(platform: Platform, cleaner: Cleaner, figures: Figures) -> None:
    parents, missing = ([ObjectId() for _ in range(number)] for number in (REMOVED // 2, REMOVED // 5))
    insert(platform, parents, missing, each=10, size=400)
    spare = platform.olorin.content_embeddings.find({"content_id": {"$in": [str(each) for each in parents[:100]]}})
    by_id, by_list = _bare_deletes_s(platform, [each["_id"] for each in spare])
    run_id = await cleaner.create(cleaner.cleaning.clean_run(await cleaner.plan(most=REMOVED)))
    started = time.perf_counter()
    verdict = await cleaner.execute(run_id)
    took_s = time.perf_counter() - started
    assert verdict.counts["deleted"] == REMOVED
    fastest = 1_000 / min(by_id, by_list)
    figures.add("clean-up, its proof included: each document", took_s * 1_000 / REMOVED, "ms", 1.0)
    figures.add("fastest bare delete to the clean-up (at most 1/0.35)", fastest / (REMOVED / took_s), "times", 2.86)


async def _nobody(_: Reference, __: int) -> None:
    """Nobody is told how far it is."""


def _bare_deletes_s(platform: Platform, ids: list[Any]) -> tuple[float, float]:
    """Seconds for a thousand documents: by single deletes in bulk, and by lists of 100."""
    first, second = ids[:500], ids[500:1000]
    started = time.perf_counter()
    platform.olorin.content_embeddings.bulk_write([DeleteOne({"_id": each}) for each in first], ordered=False)
    halfway = time.perf_counter()
    for start in range(0, len(second), 100):
        platform.olorin.content_embeddings.delete_many({"_id": {"$in": second[start : start + 100]}})
    return (halfway - started) * 2, (time.perf_counter() - halfway) * 2


async def test_browsing_a_hundred_thousand_parents(platform: Platform, tmp_path: Path, figures: Figures) -> None:
    insert(platform, [ObjectId()], [ObjectId() for _ in range(PARENTS)], each=1)
    mongo = platform.clients()
    service = OrphansService(mongo, tmp_path)
    await scan_now(service)
    app = staged(tmp_path, "4", lambda frame: OrphansScreen(frame, service, scan_desk(service, tmp_path)))
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, f"{PARENTS:,} orphans")
        steps = {"first rows of 100,000 parents": ("enter", "1 to 200"), "sorted by parent": ("s", "by parent")}
        steps |= {"sorted by documents": ("s", "by documents"), "next page": ("n", "201 to 400")}
        for name, (key, text) in steps.items():
            started = time.perf_counter()
            await pilot.press(key)
            await shown(pilot, text)
            figures.add(name, time.perf_counter() - started, "s", 0.5)
        took = []
        for _ in range(KEYS):
            started = time.perf_counter()
            await pilot.press("down")
            took.append((time.perf_counter() - started) * 1000)
        figures.add("key to paint at p95", statistics.quantiles(took, n=20)[-1], "ms", 30)
    await mongo.aclose()
