"""Executing over real databases: everything copied as it is, followed, resumed, refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64, encode
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from backends.clients.errors import AccessDenied, Refused, StoppedByTime
from backends.clients.mongo import MongoClients
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin import choosing, cleaning, gates, job
from backends.migrations.olorin.copying import Portion
from backends.migrations.olorin.following import changes_of
from backends.migrations.olorin.job import SeparationJob
from backends.migrations.olorin.model import GateState, Light
from backends.migrations.olorin.names import REFUSED, kept
from backends.migrations.olorin.places import Places
from backends.runs.job import Context
from backends.runs.model import NewRun
from console.demo.servers import MongoServer
from tests.backends.migrations.olorin.migrating import FLAG, Bench
from tests.backends.migrations.olorin.test_order import IDS
from tests.olorin import T0, Platform, platform_on
from tests.waiting import until

LOST = {"_data": "82000000"}
SEVEN = [{"$match": {"ns.coll": {"$in": list(OLORIN_COLLECTIONS)}}}]


@pytest.fixture
def bench(platform: Platform, mongo: MongoClients, tmp_path: Path) -> Bench:
    return Bench(platform, mongo, tmp_path)


def fill(platform: Platform, count: int = 2500) -> None:
    """Two collections, one with ids of every type, and indexes with options."""
    usage = [{"_id": each, "n": f"id {place}"} for place, each in enumerate(IDS)]
    platform.bayit.usage_records.insert_many([*usage, *({"n": number} for number in range(count))])
    platform.bayit.usage_records.create_index([("n", -1), ("m", 1)], unique=True, name="own name")
    platform.bayit.recap_sessions.insert_many([{"session_id": f"s{number}"} for number in range(20)])
    platform.bayit.recap_sessions.create_index("started_at", expireAfterSeconds=5)
    platform.bayit.create_collection("cultural_references")


async def verdict_is_ready(bench: Bench) -> dict[str, Any]:
    verdict = await bench.execute()
    assert (verdict.state, verdict.error, verdict.skipped) == ("holding", None, 0)
    bench.check_same()
    return dict(verdict.counts)


async def test_everything_is_copied_with_its_indexes(bench: Bench) -> None:
    fill(bench.platform)
    counts = await verdict_is_ready(bench)
    assert (counts["written"], counts["indexes"], counts["passes"]) == (2500 + len(IDS) + 20, 2, 1)
    assert bench.platform.olorin.usage_records.index_information()["own name"] == {
        "v": 2,
        "key": [("n", -1), ("m", 1)],
        "unique": True,
    }
    assert "cultural_references" in bench.platform.olorin.list_collection_names()
    assert "content_embeddings" not in bench.platform.olorin.list_collection_names()
    assert (await bench.service().verify()).passed


async def test_going_on_reads_only_the_stream(bench: Bench) -> None:
    fill(bench.platform)
    await verdict_is_ready(bench)
    bayit = bench.platform.bayit
    bayit.usage_records.insert_one({"_id": "new", "n": "new"})
    bayit.usage_records.update_one({"n": 1}, {"$unset": {"n": 1}, "$set": {"gone": True}})
    bayit.usage_records.replace_one({"n": 2}, {"n": 2, "whole": "other"})
    bayit.usage_records.delete_many({"n": {"$in": [3, 4, 5]}})
    counts = await verdict_is_ready(bench)
    assert (counts["passes"], counts["followed"]) == (1, 6)


async def test_with_nothing_to_do_nothing_is_written(bench: Bench) -> None:
    fill(bench.platform, 100)
    await verdict_is_ready(bench)
    with bench.platform.olorin.watch(SEVEN, max_await_time_ms=50) as stream:
        counts = await verdict_is_ready(bench)
        bench.platform.olorin.console_run_checkpoints.update_one({}, {"$set": {"body.token": encode(LOST)}})
        again = await verdict_is_ready(bench)
        assert stream.try_next() is None
    assert (counts["written"], counts["passes"]) == (100 + len(IDS) + 20, 1)
    assert (again["written"], again["passes"]) == (counts["written"], 2)


async def test_a_document_deleted_and_made_again_under_an_equal_id(bench: Bench) -> None:
    bench.platform.bayit.usage_records.insert_one({"_id": 7, "n": 1})
    await verdict_is_ready(bench)
    bench.platform.bayit.usage_records.delete_one({"_id": 7})
    bench.platform.bayit.usage_records.insert_one({"_id": 7.0, "n": 1})
    await verdict_is_ready(bench)
    assert isinstance(bench.platform.olorin.usage_records.find_one({})["_id"], float)  # type: ignore[index]


async def test_unique_values_that_changed_places(bench: Bench) -> None:
    records = bench.platform.bayit.usage_records
    records.insert_many([{"_id": "a", "u": 1}, {"_id": "b", "u": 2}])
    records.create_index("u", unique=True)
    await verdict_is_ready(bench)
    for id_, value in (("a", 0), ("b", 1), ("a", 2)):
        records.update_one({"_id": id_}, {"$set": {"u": value}})
    await verdict_is_ready(bench)


async def test_what_the_target_held_before_is_set_aside(bench: Bench) -> None:
    fill(bench.platform, 50)
    olorin = bench.platform.olorin.usage_records
    olorin.insert_many([{"_id": "only here"}, {"_id": 3.5, "older": True, "field": "gone from the source"}])
    counts = await verdict_is_ready(bench)
    assert (counts["set_aside"], counts["removed"]) == (2, 2)
    run = (await bench.store.page(1))[0]
    aside = bench.platform.olorin[kept(run.id, "usage_records")].find({}).sort("_id", 1)
    assert list(aside) == [{"_id": 3.5, "older": True, "field": "gone from the source"}, {"_id": "only here"}]


async def test_a_unique_clash_planted_in_the_target(bench: Bench) -> None:
    bench.platform.bayit.usage_records.insert_many([{"_id": number, "u": number} for number in range(100)])
    bench.platform.olorin.usage_records.create_index("u", unique=True)
    bench.platform.olorin.usage_records.insert_one({"_id": "planted", "u": 50})
    counts = await verdict_is_ready(bench)
    assert counts["set_aside"] == 1


async def test_what_the_target_refuses_is_counted_listed_kept_and_offered_again(bench: Bench) -> None:
    bench.platform.bayit.usage_records.insert_many([{"_id": number, "ok": number % 10 != 3} for number in range(100)])
    bench.platform.olorin.create_collection("usage_records", validator={"ok": True})
    verdict = await bench.execute()
    assert (verdict.state, verdict.skipped, bench.platform.olorin.usage_records.count_documents({})) == (
        "holding",
        10,
        90,
    )
    listed = list(bench.platform.olorin[REFUSED].find({}))
    assert sorted(each["k"] for each in listed) == [number for number in range(100) if number % 10 == 3]
    assert {(each["code"], each["why"]) for each in listed} == {(121, "Document failed validation")}
    found = await bench.service().left_out()
    assert (found.refused, len(found.of("usage_records")), found.refusals[0].why) == (10, 10, listed[0]["why"])
    assert not (await bench.service().verify()).passed
    bench.platform.olorin.command("collMod", "usage_records", validator={})
    assert (await verdict_is_ready(bench))["failed"] == 0
    assert bench.platform.olorin[REFUSED].count_documents({}) == 0


async def test_what_an_earlier_run_was_refused_is_not_held_against_a_new_one(bench: Bench) -> None:
    fill(bench.platform, 10)
    earlier = {"_id": b"1", "r": "earlier", "c": "usage_records", "k": 1, "why": "Document failed validation"}
    bench.platform.olorin[REFUSED].insert_one(earlier)
    await verdict_is_ready(bench)
    assert (await bench.service().verify()).passed


async def test_large_documents_and_those_of_every_size(bench: Bench) -> None:
    sizes = [15 * 2**20, 10, 5 * 2**20, 5 * 2**20, 100, 9 * 2**20]
    for number, size in enumerate(sizes):
        bench.platform.bayit.recap_sessions.insert_one({"_id": number, "data": Binary(b"x" * size)})
    await verdict_is_ready(bench)


async def test_a_lost_token_makes_a_second_pass(bench: Bench) -> None:
    fill(bench.platform, 300)
    await verdict_is_ready(bench)
    checkpoints = bench.platform.olorin.console_run_checkpoints
    checkpoints.update_one({}, {"$set": {"body.token": encode(LOST)}})
    bench.platform.bayit.usage_records.delete_many({"n": {"$lt": 100}})
    bench.platform.bayit.usage_records.update_many({"n": {"$gt": 250}}, {"$set": {"more": Int64(1)}})
    bench.platform.bayit.usage_records.insert_one({"_id": "while nobody looked", "n": -1})
    counts = await verdict_is_ready(bench)
    assert counts["passes"] == 2


async def test_a_run_that_stopped_goes_on_where_it_was(bench: Bench) -> None:
    fill(bench.platform, 5000)
    verdict = await bench.execute(max_s=0.3)
    assert isinstance(verdict.error, StoppedByTime)
    counts = await verdict_is_ready(bench)
    assert counts["written"] == 5000 + len(IDS) + 20


async def test_a_pass_that_begins_again_keeps_what_was_there_before_the_run(bench: Bench) -> None:
    """A token lost in the first pass: what the target held is still set aside, and not the run's own copies."""
    fill(bench.platform, 3000)
    olorin, bayit = bench.platform.olorin.usage_records, bench.platform.bayit.usage_records
    older = [{**document, "older": True} for document in bayit.find({"n": {"$type": "number"}})]
    olorin.insert_many([*older, {"_id": "only here"}])
    checkpoints = bench.platform.olorin.console_run_checkpoints
    while not checkpoints.find_one({"body.phase": "copy"}):
        verdict = await bench.execute(max_s=0.2)
        assert isinstance(verdict.error, StoppedByTime)
    bayit.update_many({"n": {"$lt": 500}}, {"$set": {"later": True}})
    checkpoints.update_one({}, {"$set": {"body.token": encode(LOST)}})
    await verdict_is_ready(bench)
    aside = bench.platform.olorin[kept(verdict.run_id, "usage_records")]
    assert aside.count_documents({}) == 3001
    assert aside.count_documents({"older": True}) == 3000


async def test_a_collection_that_is_made_meanwhile_comes_with_its_indexes(bench: Bench) -> None:
    fill(bench.platform, 100)
    await verdict_is_ready(bench)
    bench.platform.bayit.integration_partners.insert_one({"_id": 1, "partner_id": "p"})
    bench.platform.bayit.integration_partners.create_index("partner_id", unique=True)
    await verdict_is_ready(bench)
    assert (await bench.service().verify()).passed


async def test_a_plan_is_carried_out_or_refused(bench: Bench) -> None:
    fill(bench.platform, 10)
    plan = (await bench.service().dry_run()).plan
    await bench.execute(plan=plan)
    assert (await bench.store.page(1))[0].plan == plan
    with pytest.raises(Refused, match="another plan"):
        await bench.execute(plan="0" * 32)


async def test_another_source_is_refused(bench: Bench, platform: Platform) -> None:
    """By a plan, and by a run that is under way: it would follow the one with the other's token."""
    fill(platform, 10)
    plan = (await bench.service().dry_run()).plan
    with platform_on(platform.url, f"{platform.bayit.name}_2") as second:
        second.olorin, _ = platform.olorin, second.bayit.usage_records.insert_one({"_id": "another"})
        mongo = second.clients()
        other = Bench(second, mongo, bench.state)
        with pytest.raises(Refused, match="copies from"):
            await other.execute(plan=plan)
        await bench.execute()
        with pytest.raises(Refused, match="copies from"):
            await other.execute()
        await mongo.aclose()
        second.bayit.client.drop_database(second.bayit.name)


async def test_the_run_is_found_among_many_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "NEWEST", 3)
    bench.platform.bayit.usage_records.insert_one({"_id": 1})
    run_id = (await bench.execute()).run_id
    runner = bench.runner(bench.service())
    for number in range(4):
        await runner.create(NewRun(f"orphans-{number}", "orphans.clean", bench.store.where), "orphans.plan", FLAG)
    assert (await bench.service().newest_run(bench.store)).id == run_id
    assert (await bench.execute()).run_id == run_id


async def test_a_disk_that_is_too_small_begins_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(bench.platform, 10)
    monkeypatch.setattr(gates, "disk_gate", full)
    with pytest.raises(Refused, match="disk"):
        await bench.execute()
    assert bench.platform.olorin.list_collection_names() == []


async def full(_: Places, wanted: int) -> GateState:
    assert wanted > 0
    return GateState("disk", Light.RED, "0 bytes are free")


async def test_a_run_after_the_switch_is_refused(bench: Bench) -> None:
    fill(bench.platform, 10)
    await verdict_is_ready(bench)
    bench.platform.bayit.usage_records.delete_many({})
    with pytest.raises(Refused, match="newer"):
        await bench.execute(flag=True)
    assert bench.platform.olorin.usage_records.count_documents({}) == 10 + len(IDS)


async def test_a_switch_is_known_on_other_machines(bench: Bench, tmp_path: Path) -> None:
    """As any run that saw it recorded it beside the data."""
    fill(bench.platform, 10)
    run_id = (await bench.execute()).run_id
    with pytest.raises(Refused, match="newer"):
        await bench.execute(flag=True)
    runner = bench.runner(bench.service(True))
    assert (await runner.execute(run_id, FLAG)).state == "blocked"
    bench.state = tmp_path / "another machine"
    with pytest.raises(Refused, match="a switch was recorded"):
        await bench.execute()


async def test_a_switch_that_nobody_recorded_shows_in_the_target(bench: Bench) -> None:
    """Nothing is copied over what the platform wrote there; where nothing tells, it is set aside."""
    fill(bench.platform, 10)
    verdict = await bench.execute()
    bench.platform.olorin.recap_sessions.insert_one({"_id": "the platform's"})
    refused = await bench.execute()
    assert (refused.state, refused.error and "since the run came to the hold" in refused.error.message) == (
        "blocked",
        True,
    )
    lost = {"$set": {"body.token": encode(LOST), "body.mark": encode(LOST)}}
    bench.platform.olorin.console_run_checkpoints.update_one({}, lost)
    await verdict_is_ready(bench)
    aside = bench.platform.olorin[kept(f"{verdict.run_id}_1", "recap_sessions")]
    assert list(aside.find({})) == [{"_id": "the platform's"}]


async def test_what_follows_stops_where_the_platform_was_switched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SWITCHED_S", 0.1)
    fill(bench.platform, 10)
    service = bench.service()
    runner = bench.runner(service)
    run_id = await service.run_to_execute(runner, bench.store, FLAG, follow=True)
    following = asyncio.create_task(runner.execute(run_id, FLAG))
    states = bench.platform.olorin.console_runs
    await until(lambda: states.count_documents({"state": "holding"}) == 1, within_s=30)
    bench.platform.bayit.recap_sessions.insert_one({"session_id": "while it holds"})
    await until(lambda: bench.platform.olorin.recap_sessions.count_documents({}) == 21, within_s=30)
    await bench.service(True).board(bench.store)
    verdict = await following
    assert (verdict.state, isinstance(verdict.error, Refused)) == ("blocked", True)


async def test_a_collection_that_is_dropped_meanwhile_is_a_persons_matter(bench: Bench) -> None:
    fill(bench.platform, 10)
    await verdict_is_ready(bench)
    bench.platform.bayit.recap_sessions.drop()
    verdict = await bench.execute()
    assert (verdict.state, isinstance(verdict.error, Refused)) == ("blocked", True)
    # It was not put back: nothing follows from asking again.
    assert (await bench.execute()).state == "blocked"
    assert bench.platform.olorin.recap_sessions.count_documents({}) == 20
    bench.platform.bayit.recap_sessions.insert_many([{"session_id": f"s{number}"} for number in range(3)])
    assert (await verdict_is_ready(bench))["passes"] == 2
    run = (await bench.store.page(1))[0]
    assert bench.platform.olorin[kept(f"{run.id}_1", "recap_sessions")].count_documents({}) == 20
    # Or it is meant to be gone: a new plan leaves the target's as it is.
    bench.platform.bayit.recap_sessions.drop()
    assert (await bench.execute()).state == "blocked"
    verdict = await bench.execute(plan=(await bench.service().dry_run()).plan)
    assert (verdict.state, verdict.run_id != run.id) == ("holding", True)
    assert bench.platform.olorin.recap_sessions.count_documents({}) == 3


async def test_a_unique_value_that_moves_at_the_end_of_the_pass(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One document with the value is gone, another has it; the index meets both, until the changes are applied."""
    sessions = bench.platform.bayit.dubbing_sessions
    sessions.insert_many([{"_id": number, "session_id": f"s{number}"} for number in range(50)])
    sessions.create_index("session_id", unique=True)
    after_pass = SeparationJob._after_pass
    moved: list[object] = []

    async def moving(self: SeparationJob, context: Context) -> None:
        if not moved:
            sessions.update_one({"_id": 40}, {"$set": {"touched": 1}})
            feed = await self._open_feed(context)
            await self._record(context, changes_of((await feed.take(1, 5000))[0]), feed.token)
            moved.append(sessions.delete_one({"_id": 1}))
            sessions.update_one({"_id": 40}, {"$set": {"session_id": "s1"}})
        await after_pass(self, context)

    monkeypatch.setattr(SeparationJob, "_after_pass", moving)
    await verdict_is_ready(bench)
    assert (await bench.service().verify()).passed


async def test_a_missing_collection_of_the_source_removes_nothing(bench: Bench) -> None:
    fill(bench.platform, 10)
    bench.platform.olorin.content_embeddings.insert_one({"_id": 1})
    assert (await bench.execute()).state == "holding"
    assert bench.platform.olorin.content_embeddings.count_documents({}) == 1


async def test_an_index_of_another_kind_gives_way_to_the_sources(bench: Bench) -> None:
    bench.platform.bayit.usage_records.insert_one({"_id": 1, "a": 1})
    bench.platform.bayit.usage_records.create_index("a", name="x")
    bench.platform.olorin.usage_records.create_index("b", name="x")
    await verdict_is_ready(bench)
    assert list(bench.platform.olorin.usage_records.index_information()) == ["_id_", "x"]
    with pytest.raises(OperationFailure):
        bench.platform.olorin.usage_records.create_index("b", name="x")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_one_database_for_both_is_refused(platform: Platform, tmp_path: Path, host: str) -> None:
    """Whatever the server is called, and whatever is asked for."""
    platform.bayit.usage_records.insert_one({"_id": 1})
    more = {
        "OLORIN_MONGODB_URL": platform.url.replace("127.0.0.1", host), "OLORIN_MONGODB_DB_NAME": platform.bayit.name
    }  # fmt: skip
    mongo = platform.clients(**more)
    bench = Bench(platform, mongo, tmp_path, more)
    assert (await bench.service().dry_run()).gates[0].status is Light.RED
    with pytest.raises(Refused, match="one database"):
        await bench.execute()
    with pytest.raises(Refused, match="one database"):
        await bench.service().verify()
    for dropping in (False, True):
        with pytest.raises(Refused, match="one database"):
            await clean_up_unchecked(bench, dropping)
    await mongo.aclose()
    assert platform.bayit.list_collection_names() == ["usage_records"]


async def clean_up_unchecked(bench: Bench, dropping: bool) -> int:
    service = bench.service(True)
    async with bench.gate.act(service.cleanup_act("sep-1", dropping=dropping), FLAG, lifetime_s=None) as token:
        if dropping:
            return await cleaning.drop(token, service.places, "sep-1", None)
        return await cleaning.set_aside(token, service.places, "sep-1", T0)


async def test_two_servers_with_a_database_of_one_name_are_two(platform: Platform, tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "mongo", durable=False) as other:
        platform.bayit.usage_records.insert_one({"_id": 1})
        more = {"OLORIN_MONGODB_URL": other.url, "OLORIN_MONGODB_DB_NAME": platform.bayit.name}
        mongo = platform.clients(**more)
        assert (await Bench(platform, mongo, tmp_path, more).service().dry_run()).gates[0].status is Light.OK
        await mongo.aclose()


async def test_without_change_streams_a_second_pass_finds_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MongoServer(tmp_path / "mongo", flags=["--standalone"], durable=False) as server:
        with platform_on(server.url, "bayit") as platform:
            mongo = platform.clients()
            bench = Bench(platform, mongo, tmp_path)
            fill(platform, 100)
            found = await bench.service().dry_run()
            assert next(gate for gate in found.gates if gate.id == "follow").status is Light.WARNING
            write_portion, between = SeparationJob._write_portion, ["a write"]

            async def writing(self: SeparationJob, context: Context, portion: Portion) -> None:
                await write_portion(self, context, portion)
                if between and portion.group.name == "recap_sessions":
                    platform.bayit.usage_records.insert_one({"_id": between.pop(), "n": "between"})

            monkeypatch.setattr(SeparationJob, "_write_portion", writing)
            counts = await verdict_is_ready(bench)
            assert (counts["passes"], counts["done"]) == (2, 100 + len(IDS) + 21)
            standing = await bench.service().standing(bench.store)
            assert standing.lag_s is None
            assert (standing.is_blind, standing.is_ready) == (True, False)
            platform.bayit.usage_records.delete_many({"n": {"$lt": 10}})
            platform.bayit.usage_records.insert_one({"_id": "later"})
            await verdict_is_ready(bench)
            await mongo.aclose()


async def test_a_user_who_may_only_read_is_denied(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "mongo") as server:
        with MongoClient[dict[str, Any]](server.url) as client:
            client.admin.command("createUser", "reader", pwd="sesame99", roles=["readAnyDatabase"])
            client.bayit.usage_records.insert_one({"_id": 1})
    async with MongoServer(tmp_path / "mongo", flags=["--auth"], durable=False) as server:
        url = server.url.replace("://", "://reader:sesame99@")
        with MongoClient[dict[str, Any]](url) as client:
            platform = Platform(url, client["bayit"], client["olorin"])
            mongo = platform.clients()
            bench = Bench(platform, mongo, tmp_path)
            with pytest.raises(AccessDenied, match="insert"):
                await bench.execute()
            found = await bench.service().dry_run()
            await mongo.aclose()
            assert next(gate for gate in found.gates if gate.id == "writable").status is Light.RED
            assert client["olorin"].list_collection_names() == []
