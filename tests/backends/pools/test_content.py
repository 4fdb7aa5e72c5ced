"""The content look-ups on a real collection: what they find, what they remember, and what they raise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from backends.clients.errors import BackendError, BadAnswer, CannotConnect
from backends.clients.mongo import MongoClients
from backends.clients.targets import PoolLimits, Role, mongo_targets
from backends.pools.content import CACHE_ENTRIES, CACHE_S, Cache, ContentMetadata
from backends.pools.latency import FIRST_ROUNDS, LatencyProbe
from tests.backends.pools.conftest import Build

LIMITS = PoolLimits(max=2, min=0, selection_s=0.3)
IDS = [ObjectId() for _ in range(60)]


@pytest.fixture
def contents(mongo_url: str, mongo_database: str) -> Iterator[Any]:
    """Sixty episodes of three series."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        collection = client[mongo_database]["content"]
        collection.insert_many(
            [
                {"_id": _id, "title": f"פרק {n}", "title_en": f"Part (one) {n}", "series_id": str(n % 3), "season": 1,
                 "episode": 60 - n, "is_published": n % 2 == 0}
                for n, _id in enumerate(IDS)
            ]
        )  # fmt: skip
        yield collection


Open = Callable[..., ContentMetadata]


@pytest.fixture
async def open_content(mongo_url: str, mongo_database: str) -> AsyncIterator[Open]:
    """Makes look-ups on the test's database; the separation is on, so that they go through the Bayit reference."""
    opened: list[MongoClients] = []

    def make(url: str = mongo_url, collection: str = "content", **options: Any) -> ContentMetadata:
        environment = {
            "MONGODB_URI": url, "MONGODB_DB_NAME": mongo_database, "OLORIN_USE_SEPARATE_DATABASE": "true",
            "OLORIN_MONGODB_DB_NAME": f"{mongo_database}_olorin",
        }  # fmt: skip
        opened.append(MongoClients(mongo_targets(environment), LIMITS))
        return ContentMetadata(opened[-1], collection, **options)

    yield make
    for clients in opened:
        await clients.aclose()


@pytest.mark.usefixtures("contents")
async def test_by_id_and_by_ids(open_content: Open) -> None:
    content = open_content()
    found = await content.get_content(str(IDS[7]).upper())
    assert found is not None
    assert found["title"] == "פרק 7"
    assert await content.get_content(str(ObjectId())) is None
    wanted = [str(_id) for _id in (*IDS, *IDS[:5], ObjectId())]
    batch = await content.get_contents_batch(wanted)
    assert set(batch) == set(map(str, IDS))
    assert batch[str(IDS[3])]["episode"] == 57
    assert await content.get_contents_batch([]) == {}
    for malformed in ("", "x", "5f", "z" * 24, "{'$ne': 1}"):
        with pytest.raises(BadAnswer):
            await content.get_content(malformed)


@pytest.mark.usefixtures("contents")
async def test_a_batch_is_one_query(open_content: Open) -> None:
    """The driver checks a connection out for each operation."""
    content = open_content()
    for expected, asked in ((1, IDS[:50]), (2, [*(ObjectId() for _ in range(1_500)), *IDS[:50]])):
        assert len(await content.get_contents_batch(map(str, asked))) == 50
        assert content._mongo.pool_counts()[Role.BAYIT].queries == expected


async def test_a_series_has_all_of_its_episodes(open_content: Open, contents: Any) -> None:
    contents.insert_many([{"series_id": "endless", "season": 1, "episode": n} for n in range(1_100)])
    assert [each["episode"] for each in await open_content().get_series_episodes("endless")] == [*range(1_100)]


@pytest.mark.usefixtures("contents")
async def test_filters_are_filters(open_content: Open) -> None:
    content = open_content()
    assert await content.count_contents({"is_published": True, "series_id": "0"}) == 10
    found = await content.find_contents({"series_id": "0", "episode": {"$gt": 50}}, sort=[("episode", -1)])
    assert [each["episode"] for each in found] == [60, 57, 54, 51]
    assert len(await content.find_contents({}, limit=7)) == 7
    assert len(await content.search_contents("part (ONE) 1")) == 11
    assert len(await content.search_contents("פרק 5")) == 11
    assert await content.search_contents(".*") == []
    episodes = await content.get_series_episodes("1")
    assert [each["episode"] for each in episodes] == sorted(each["episode"] for each in episodes)
    assert len(episodes) == 20


async def test_what_was_found_is_remembered_for_a_while(open_content: Open, contents: Any) -> None:
    now = 1000.0
    content = open_content(clock=lambda: now)
    await content.get_content(str(IDS[0]))
    contents.update_one({"_id": IDS[0]}, {"$set": {"title": "changed"}})
    again = await content.get_content(str(IDS[0]))
    assert again is not None
    assert again["title"] == "פרק 0"
    assert content.cache.hit_rate == 0.5
    now += CACHE_S + 1
    later = await content.get_content(str(IDS[0]))
    assert later is not None
    assert later["title"] == "changed"
    # What isn't there is asked for again, since it may come.
    new = ObjectId()
    assert await content.get_content(str(new)) is None
    contents.insert_one({"_id": new})
    assert await content.get_content(str(new)) is not None


def test_the_cache_forgets_what_was_used_least_lately() -> None:
    cache = Cache(lambda: 0.0)
    assert cache.hit_rate is None
    for n in range(CACHE_ENTRIES):
        cache.put(str(n), n)
    cache.get("0")
    cache.put("new", 1)
    assert (cache.get("0"), cache.get("1"), cache.get("new")) == (0, None, 1)


async def test_a_failure_is_no_missing_content(open_content: Open) -> None:
    content = open_content("mongodb://127.0.0.1:9/")
    for call in (
        content.get_content(str(IDS[0])), content.get_contents_batch([str(IDS[0])]), content.count_contents({}),
        content.find_contents({}), content.search_contents("x"), content.get_series_episodes("1"),
    ):  # fmt: skip
        with pytest.raises(CannotConnect):
            await call


async def test_what_the_server_cannot_do_is_raised(open_content: Open, contents: Any) -> None:
    content = open_content()
    with pytest.raises(BackendError):
        await content.find_contents({"$nonsense": 1})
    with pytest.raises(BackendError):
        await content.text_search("part")
    with suppress(OperationFailure):  # not every server has text indexes
        contents.create_index([("title_en", "text")])
        assert {each["title_en"] for each in await content.text_search("part", limit=3)}


async def test_the_probe_measures_the_real_collection(open_content: Open, contents: Any) -> None:
    probe = LatencyProbe(open_content())
    first = await probe.measure()
    assert first.problem is None
    # Measurements while this machine was busy with something else don't count.
    assert 1 <= first.get_content.n <= FIRST_ROUNDS
    assert 1 <= first.get_contents_batch.n <= FIRST_ROUNDS
    second = await probe.measure()
    assert first.get_content.n <= second.get_content.n <= first.get_content.n + 1
    percentiles = (second.get_content.p50_ms, second.get_content.p95_ms, second.get_content.p99_ms)
    assert all(each is not None and 0 < each < 5_000 for each in percentiles)
    contents.delete_many({})
    assert (await probe.measure()).problem is None
    contents.insert_one({})
    assert (await probe.measure()).get_contents_batch.n >= second.get_contents_batch.n


async def test_the_probe_says_when_there_is_nothing_to_measure(open_content: Open) -> None:
    empty = await LatencyProbe(open_content(collection="no_such_collection")).measure()
    assert (empty.get_content.n, empty.get_content.p95_ms, empty.problem) == (0, None, None)
    down = await LatencyProbe(open_content("mongodb://127.0.0.1:9/")).measure()
    assert down.problem is not None


async def test_the_probe_stands_in_the_snapshot(
    build: Build, mongo_url: str, mongo_database: str, contents: Any
) -> None:
    service = build(mongo=mongo_url, database=mongo_database)
    async with asyncio.timeout(20):
        snapshot = await service.sample()
    assert 1 <= snapshot.latency.get_contents_batch.n <= FIRST_ROUNDS
    assert (await service.sample(probe=False)).latency == snapshot.latency


@pytest.mark.usefixtures("contents")
async def test_what_this_process_was_late_for_is_not_the_databases_time(open_content: Open) -> None:
    """The event loop is blocked for longer than any look-up takes, again and again: nothing of it is counted."""
    probe = LatencyProbe(open_content())
    before = await probe.measure()
    loop = asyncio.get_running_loop()

    def block() -> None:
        time.sleep(0.1)
        handles.append(loop.call_later(0.001, block))

    handles = [loop.call_later(0.0, block)]
    try:
        after = await probe.measure()
    finally:
        handles[-1].cancel()
    assert after.get_contents_batch == before.get_contents_batch


@pytest.mark.usefixtures("contents")
async def test_by_ids_in_the_order_asked_for(open_content: Open) -> None:
    content = open_content()
    wanted = [str(IDS[5]), str(ObjectId()), str(IDS[2]).upper(), str(IDS[5])]
    assert [each["_id"] for each in await content.get_contents_by_ids(wanted)] == [IDS[5], IDS[2]]
    assert await content.get_contents_by_ids([]) == []


@pytest.mark.usefixtures("contents")
async def test_fields_are_filters_too(open_content: Open) -> None:
    """The platform's own take keywords, and break on them."""
    content = open_content()
    assert await content.count_contents(is_published=True, series_id="0") == 10
    assert await content.count_contents({"episode": {"$gt": 50}}, series_id="0") == 4
    found = await content.find_contents({"episode": {"$gt": 50}}, series_id="0", is_published=True, limit=5)
    assert sorted(each["episode"] for each in found) == [54, 60]
    assert await content.count_contents() == 60


@pytest.mark.usefixtures("contents")
async def test_what_a_caller_changes_is_not_remembered(open_content: Open) -> None:
    content = open_content()
    first = await content.get_content(str(IDS[0]))
    assert first is not None
    first["title"] = "changed by its caller"
    episodes = await content.get_series_episodes("1")
    episodes.clear()
    again = await content.get_content(str(IDS[0]))
    assert again is not None
    assert again["title"] == "פרק 0"
    again["title"] = "changed once more"
    assert (await content.get_content(str(IDS[0])) or {})["title"] == "פרק 0"
    assert len(await content.get_series_episodes("1")) == 20
    assert await content.get_series_episodes("no such series") == []


async def test_without_the_separation_it_reads_the_main_database(
    mongo_url: str, mongo_database: str, contents: Any
) -> None:
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), LIMITS)
    assert await ContentMetadata(clients, "content").count_contents() == contents.count_documents({})
    await clients.aclose()


@pytest.mark.usefixtures("contents")
async def test_the_probe_measures_the_cache_and_finding_too(open_content: Open) -> None:
    latency = await LatencyProbe(open_content()).measure()
    assert latency.problem is None
    assert latency.cached.n >= 1
    assert latency.find_contents.n >= 1
    assert latency.cached.p50_ms is not None
    assert latency.get_content.p50_ms is not None
    assert latency.cached.p50_ms < latency.get_content.p50_ms, "nothing is asked of a server"
    assert latency.hit_rate is not None
    assert 0.3 < latency.hit_rate < 1
