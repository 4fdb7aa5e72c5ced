"""Soft delete over a real database: set where it is missing, an index that works, and an undo that takes only that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.migrations.olorin.model import Light
from backends.migrations.olorin.soft_delete import CHANGED, INDEX, TTL_S
from backends.runs.mongo_store import MongoRunStore
from backends.runs.runner import Runner, Verdict
from backends.sampling.reading import utc_now
from tests.backends.migrations.olorin.migrating import AUTHOR, FLAG, QUICK, Bench, Quiet
from tests.backends.migrations.olorin.test_order import IDS as EVERY_ID
from tests.olorin import Platform

IDS = tuple(each for each in EVERY_ID if each == each)


@pytest.fixture
def bench(platform: Platform, mongo: MongoClients, tmp_path: Path) -> Bench:
    platform.bayit.content.insert_many([{"_id": each} for each in IDS])
    platform.bayit.content.insert_many([{"title": number} for number in range(700)])
    platform.bayit.content.insert_many([{"_id": "null", "deleted_at": None}, {"_id": "new", "deleted_at": utc_now()}])
    return Bench(platform, mongo, tmp_path)


async def carried_out(bench: Bench, *, typed: bool = False, undo: bool = False) -> Verdict:
    service = bench.service()
    store = MongoRunStore(bench.mongo, service.places.source, QUICK)
    runner = Runner(store, service.job, bench.gate, AUTHOR, "1.0", Quiet(), QUICK)
    run_id = await service.run_to_soft_delete(runner, store, FLAG, "content", typed=typed, undo=undo)
    return await runner.execute(run_id, FLAG)


async def test_it_is_set_where_it_is_missing_and_undone_there_alone(bench: Bench) -> None:
    content = bench.platform.bayit.content
    before = bench.held(bench.platform.bayit, "content")
    found = await bench.service().soft_delete("content")
    assert (found.missing, found.expired, found.light) == (700 + len(IDS), 0, Light.OK)
    verdict = await carried_out(bench)
    assert (verdict.state, verdict.counts["set"]) == ("done", 700 + len(IDS))
    assert content.count_documents({"deleted_at": {"$exists": False}}) == 0
    assert content.index_information()[INDEX]["expireAfterSeconds"] == TTL_S
    content.update_one({"title": 5}, {"$set": {"deleted_at": utc_now()}})
    undone = await carried_out(bench, undo=True)
    assert (undone.state, undone.counts["unset"]) == ("done", 699 + len(IDS))
    assert INDEX not in content.index_information()
    assert sum((before - bench.held(bench.platform.bayit, "content")).values()) == 1
    assert bench.platform.bayit[CHANGED].count_documents({}) == 0


async def test_what_would_be_deleted_at_once_refuses_it_until_typed(bench: Bench) -> None:
    old = utc_now() - timedelta(seconds=TTL_S + 60)
    bench.platform.bayit.content.insert_one({"_id": "old", "deleted_at": old})
    found = await bench.service().soft_delete("content")
    assert (found.expired, found.light) == (1, Light.RED)
    with pytest.raises(Refused, match="1 document at once"):
        await carried_out(bench)
    assert INDEX not in bench.platform.bayit.content.index_information()
    assert (await carried_out(bench, typed=True)).state == "done"


async def test_a_run_that_was_not_agreed_to_that_is_not_gone_on_with(bench: Bench) -> None:
    """Nor is one of another collection, nor begun from a plan that nobody made."""
    service = bench.service()
    store = MongoRunStore(bench.mongo, service.places.source, QUICK)
    runner = Runner(store, service.job, bench.gate, AUTHOR, "1.0", Quiet(), QUICK)
    with pytest.raises(Refused, match="no plan"):
        await service.run_to_soft_delete(runner, store, FLAG, "content", typed=False, plan="deadbeefdeadbeef")
    first = await service.run_to_soft_delete(runner, store, FLAG, "content", typed=False)
    assert await service.run_to_soft_delete(runner, store, FLAG, "content", typed=False) == first
    bench.platform.bayit.contents.insert_one({})
    assert await service.run_to_soft_delete(runner, store, FLAG, "contents", typed=False) != first
    old = utc_now() - timedelta(seconds=TTL_S + 60)
    bench.platform.bayit.content.insert_one({"_id": "old", "deleted_at": old})
    verdict = await carried_out(bench, typed=True)
    assert (verdict.state, verdict.run_id != first) == ("done", True)


async def test_an_index_of_two_keys_is_a_warning_and_stays(bench: Bench) -> None:
    bench.platform.bayit.content.create_index([("deleted_at", 1), ("expireAfterSeconds", 1)])
    assert (await bench.service().soft_delete("content")).light is Light.WARNING
    await carried_out(bench)
    assert len(bench.platform.bayit.content.index_information()) == 3


async def test_a_collection_that_is_not_there_is_red(bench: Bench) -> None:
    assert (await bench.service().soft_delete("contents")).light is Light.RED
