"""After the switch: cleaning up in two steps, and carrying back what was written since, compared three ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from bson import encode
from pymongo import MongoClient

from backends.backup.mongo_dump import dump_database
from backends.clients.errors import AccessDenied, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.migrations.olorin.cleaning import check_processes
from backends.migrations.olorin.model import Process
from backends.migrations.olorin.names import CONFLICTS, kept, moved
from backends.migrations.olorin.processes import check_nobody_writes, processes_gate
from backends.migrations.olorin.rolling_back import BOTH, NO_MANIFEST, NO_SWITCH
from backends.migrations.olorin.service import silent
from tests.backends.migrations.olorin.migrating import Bench
from tests.backends.migrations.olorin.test_order import IDS
from tests.olorin import T0, Document, Platform


@pytest.fixture
async def bench(platform: Platform, mongo: MongoClients, tmp_path: Path) -> Bench:
    """Switched: copied, verified at the hold and with the flag on."""
    platform.bayit.users.insert_one({})
    usage = [{"_id": each, "n": f"id {place}"} for place, each in enumerate(IDS)]
    platform.bayit.usage_records.insert_many([*usage, *({"_id": f"u{n}", "n": n} for n in range(400))])
    platform.bayit.recap_sessions.insert_many([{"_id": n} for n in range(10)])
    bench = Bench(platform, mongo, tmp_path)
    assert (await bench.execute()).state == "holding"
    assert (await bench.service().verify()).passed
    assert (await bench.service(True).verify()).passed
    return bench


def write_after_the_switch(platform: Platform) -> None:
    platform.olorin.usage_records.insert_many([{"_id": "new"}, {"_id": 99.5}])
    platform.olorin.usage_records.update_many({"_id": {"$in": ["u1", "u2", "u3"]}}, {"$set": {"after": True}})
    platform.olorin.usage_records.update_one({"_id": "u4"}, {"$unset": {"n": 1}})
    platform.olorin.usage_records.delete_many({"_id": {"$in": ["u10", "u11"]}})


async def test_what_was_written_since_is_carried_back(bench: Bench) -> None:
    write_after_the_switch(bench.platform)
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts["carried"], verdict.counts["conflicts"]) == ("done", 8, 0)
    bench.check_same()
    aside = bench.platform.bayit[kept(verdict.run_id, "usage_records")]
    assert {each["_id"]: each["n"] for each in aside.find()} == {f"u{n}": n for n in (1, 2, 3, 4, 10, 11)}


async def test_carrying_back_twice_changes_nothing(bench: Bench) -> None:
    write_after_the_switch(bench.platform)
    await bench.roll_back()
    verdict = await bench.roll_back()
    # Both sides are the same by now, whatever the manifest says.
    assert verdict.counts["carried"] == 0


async def test_what_changed_on_both_sides_is_a_conflict_and_stays(bench: Bench) -> None:
    write_after_the_switch(bench.platform)
    records = bench.platform.bayit.usage_records
    records.update_one({"_id": "u1"}, {"$set": {"here": True}})
    records.delete_one({"_id": "u2"})
    records.update_one({"_id": "u10"}, {"$set": {"here": True}})
    records.insert_one({"_id": "new", "other": True})
    records.update_one({"_id": "u3"}, {"$set": {"after": True}})
    verdict = await bench.roll_back()
    assert (verdict.counts["carried"], verdict.counts["conflicts"], verdict.skipped) == (4, 3, 3)
    found = await bench.service().left_out()
    assert {each.id for each in found.conflicts} == {'"u1"', '"u10"', '"new"'}
    assert (found.conflicting, {each.why for each in found.conflicts}) == (3, {BOTH})
    aside = {each["_id"]: each for each in bench.platform.bayit[kept(verdict.run_id, "usage_records")].find()}
    assert (aside["u1"]["after"], aside["new"]) == (True, {"_id": "new"})
    assert records.find_one({"_id": "u1"}) == {"_id": "u1", "n": 1, "here": True}
    assert records.find_one({"_id": "u2"}) == {"_id": "u2", "n": 2, "after": True}
    assert records.find_one({"_id": "new"}) == {"_id": "new", "other": True}


async def test_what_only_the_main_database_changed_stays(bench: Bench) -> None:
    bench.platform.bayit.usage_records.update_one({"_id": "u1"}, {"$set": {"here": True}})
    bench.platform.bayit.usage_records.insert_one({"_id": "only here"})
    before = bench.held(bench.platform.bayit, "usage_records")
    assert (await bench.roll_back()).counts["carried"] == 0
    assert bench.held(bench.platform.bayit, "usage_records") == before


async def test_what_the_main_database_lost_comes_back_with_its_indexes(bench: Bench) -> None:
    """Dropped for good after the cleanup: the target has all that is left."""
    bench.platform.bayit.recap_sessions.create_index("started_at")
    bench.platform.olorin.recap_sessions.create_index("started_at")
    run = await bench.service(True).newest_run(bench.store)
    await bench.clean_up(run.id)
    assert (await bench.service(True).verify()).passed
    await bench.back_up()
    await bench.clean_up(run.id, dropping=True)
    write_after_the_switch(bench.platform)
    assert (await bench.roll_back()).state == "done"
    bench.check_same()
    assert "started_at_1" in bench.platform.bayit.recap_sessions.index_information()


async def test_what_the_main_database_refuses_keeps_the_switch(bench: Bench) -> None:
    """It is in the target alone: the way back is not done before it is here too."""
    bench.platform.bayit.recap_sessions.create_index("n", unique=True, partialFilterExpression={"n": {"$gt": 0}})
    bench.platform.bayit.recap_sessions.insert_one({"_id": "late", "n": 1})
    bench.platform.olorin.recap_sessions.insert_one({"_id": "new", "n": 1})
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts["carried"], verdict.counts["lacking"]) == ("failed", 0, 1)
    found = await bench.service().left_out()
    assert (found.refused, found.refusals[0].id) == (1, '"new"')
    with pytest.raises(Refused, match="a switch was recorded"):
        await bench.execute()
    bench.platform.bayit.recap_sessions.delete_one({"_id": "late"})
    again = await bench.roll_back()
    assert (again.state, again.counts["carried"], (await bench.service().left_out()).refused) == ("done", 1, 0)


async def test_nothing_is_rolled_back_while_the_flag_is_on(bench: Bench) -> None:
    with pytest.raises(Refused, match="not off"):
        await bench.roll_back(flag=True)


async def test_before_a_switch_nothing_is_carried_back(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    """What the target has besides was deleted here while nobody followed."""
    bench = Bench(platform, mongo, tmp_path)
    platform.bayit.usage_records.insert_many([{"_id": number} for number in range(5)])
    await bench.execute()
    await bench.service().verify()
    platform.bayit.usage_records.insert_one({"_id": "Y"})
    await bench.execute()
    platform.bayit.usage_records.delete_one({"_id": "Y"})
    platform.bayit.usage_records.update_one({"_id": 1}, {"$set": {"later": True}})
    before = bench.held(platform.bayit, "usage_records")
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts["carried"], NO_SWITCH in verdict.why) == ("failed", 0, True)
    assert bench.held(platform.bayit, "usage_records") == before


async def test_without_a_manifest_nothing_is_carried_back(bench: Bench, tmp_path: Path) -> None:
    write_after_the_switch(bench.platform)
    before = bench.held(bench.platform.bayit, "usage_records")
    bench.state = tmp_path / "another machine"
    verdict = await bench.roll_back()
    # Two are in the target alone: that is no end of the way back.
    assert (verdict.state, NO_MANIFEST in verdict.why, verdict.counts["carried"]) == ("failed", True, 0)
    # Nobody knows who wrote these; what the main database alone has stays without a word.
    assert verdict.counts["conflicts"] == 6
    assert bench.held(bench.platform.bayit, "usage_records") == before
    aside = bench.platform.bayit[kept(verdict.run_id, "usage_records")]
    assert {each["_id"] for each in aside.find()} == {"new", 99.5, "u1", "u2", "u3", "u4"}


async def test_a_look_with_the_flag_on_is_taken_back(bench: Bench, tmp_path: Path) -> None:
    """By mistake, on a machine without a manifest: the way back finds nothing to carry, and forgets the switch."""
    bench.state = tmp_path / "another machine"
    await bench.service(True).board(bench.store)
    with pytest.raises(Refused, match="a switch was recorded"):
        await bench.execute()
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts.get("conflicts", 0)) == ("done", 0)
    assert (await bench.execute()).state == "holding"


async def test_cleaning_up_sets_aside_and_then_drops(bench: Bench) -> None:
    run = await bench.service(True).newest_run(bench.store)
    preview = await bench.service(True).cleanup_preview(run.id)
    assert [(each.name, each.documents) for each in preview] == [
        ("usage_records", 400 + len(IDS)),
        ("recap_sessions", 10),
    ]
    assert await bench.clean_up(run.id) == 2
    names = set(bench.platform.bayit.list_collection_names())
    assert {moved(run.id, "usage_records"), moved(run.id, "recap_sessions"), "users"} <= names
    assert "usage_records" not in names
    with pytest.raises(Refused, match="no backup"):
        await bench.clean_up(run.id, dropping=True)
    await bench.back_up()
    with pytest.raises(Refused, match="since the cleanup"):
        await bench.clean_up(run.id, dropping=True)
    assert (await bench.service(True).verify()).passed
    assert await bench.clean_up(run.id, dropping=True) == 2
    assert not [name for name in bench.platform.bayit.list_collection_names() if "__moved_" in name]
    with pytest.raises(NotThere):
        await bench.clean_up(run.id, dropping=True)


async def test_a_proof_from_before_the_switch_is_not_enough(
    platform: Platform, mongo: MongoClients, tmp_path: Path
) -> None:
    """What the main database got between the two would be nowhere else."""
    bench = Bench(platform, mongo, tmp_path)
    platform.bayit.usage_records.insert_one({"_id": 1})
    run_id = (await bench.execute()).run_id
    assert (await bench.service().verify()).passed
    platform.bayit.usage_records.insert_one({"_id": "before the switch"})
    with pytest.raises(Refused, match="from before the switch"):
        await bench.clean_up(run_id)
    assert not (await bench.service(True).verify()).passed


async def test_cleaning_up_needs_the_flag_and_a_fresh_proof(bench: Bench) -> None:
    run = await bench.service(True).newest_run(bench.store)
    with pytest.raises(Refused, match="not on"):
        await bench.clean_up(run.id, flag=False)
    bench.platform.bayit.usage_records.delete_one({"_id": "u1"})
    assert not (await bench.service(True).verify()).passed
    with pytest.raises(Refused, match="24 h"):
        await bench.clean_up(run.id)
    assert "usage_records" in bench.platform.bayit.list_collection_names()


async def test_who_is_connected_is_named_by_the_server(bench: Bench) -> None:
    with MongoClient[Document](bench.platform.url, appname="bayit-api") as client:
        client.admin.command("ping")
        found = await bench.service(True).board(bench.store)
    gate = next(each for each in found.gates if each.id == "processes")
    assert "bayit-api" in gate.why
    assert {each.app for each in found.processes if each.connected} == {"bayit-api", "(no name)"}


async def test_nothing_is_set_aside_while_a_process_is_at_the_old_collections(bench: Bench) -> None:
    late = processes_gate(True, [Process("bayit-api", True, old=T0, at_old="usage_records")], T0)
    with pytest.raises(Refused, match=r"bayit-api \(usage_records\)"):
        check_processes(bench.service(True).places, late)
    untold = AccessDenied("Not allowed to see who is connected.")
    with pytest.raises(Refused, match="does not tell"):
        check_processes(bench.service(True).places, processes_gate(True, untold, T0), are_told=False)
    with pytest.raises(Refused, match="still at Olorin's own database: bayit-api"):
        check_nobody_writes([Process("bayit-api", True, new=T0)], T0, "")


async def test_a_rollback_brings_back_what_was_set_aside(bench: Bench) -> None:
    run = await bench.service(True).newest_run(bench.store)
    await bench.clean_up(run.id)
    write_after_the_switch(bench.platform)
    assert (await bench.roll_back()).counts["carried"] == 8
    bench.check_same()
    # The source was renamed as a whole: a person looks once, and goes on.
    assert (await bench.execute()).state == "blocked"
    assert (await bench.execute()).state == "holding"


async def test_a_backup_is_restored_beside_what_a_cleanup_set_aside(bench: Bench, tmp_path: Path) -> None:
    run = await bench.service(True).newest_run(bench.store)
    await bench.clean_up(run.id)
    old: list[Document] = [{"_id": "u1", "older": True}, {"_id": "only in the backup"}]
    (tmp_path / "usage_records.bson").write_bytes(b"".join(encode(each) for each in old))
    verdict = await bench.roll_back(tmp_path)
    assert (verdict.counts["restored"], verdict.counts["conflicts"]) == (1, 1)
    assert bench.platform.bayit.usage_records.count_documents({}) == 401 + len(IDS)


async def test_two_collections_of_one_name_are_a_persons_matter(bench: Bench) -> None:
    run = await bench.service(True).newest_run(bench.store)
    await bench.clean_up(run.id)
    bench.platform.bayit.usage_records.insert_one({"_id": "a straggler's"})
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.error and "beside" in verdict.error.message) == ("blocked", True)


async def test_a_backup_is_restored_by_id(bench: Bench, mongo: MongoClients, tmp_path: Path) -> None:
    async with mongo.reading(Role.MAIN) as database:
        await dump_database(database, tmp_path / "dump" / database.name, silent)
    # Of a backup of the whole server, the main database's.
    (tmp_path / "dump" / "olorin").mkdir()
    (tmp_path / "dump" / "olorin" / "usage_records.bson").write_bytes(encode({"_id": "another database's"}))
    before = bench.held(bench.platform.bayit, "usage_records")
    bench.platform.bayit.usage_records.delete_many({"n": {"$lt": 250}})
    bench.platform.bayit.usage_records.update_one({"_id": "u300"}, {"$set": {"n": -5}})
    verdict = await bench.roll_back(tmp_path / "dump")
    assert (verdict.state, verdict.counts["restored"], verdict.counts["conflicts"]) == ("done", 250, 1)
    assert [each["k"] for each in bench.platform.bayit[CONFLICTS].find()] == ["u300"]
    after = bench.held(bench.platform.bayit, "usage_records")
    assert (sum((before - after).values()), sum((after - before).values())) == (1, 1)
    again = await bench.roll_back(tmp_path / "dump")
    assert again.counts["restored"] == 0
