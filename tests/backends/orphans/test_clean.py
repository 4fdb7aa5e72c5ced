"""Clean-ups over a real server, with transactions and without: what goes, what stays, and what is known of it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, ObjectId, Regex

from backends.backup.model import BackupVerdict, Light
from backends.clients.http import HttpClient
from backends.orphans import quarantine, raw
from backends.orphans.cleaned_vectors import vectors_path
from backends.orphans.vectors import Vectors
from console.demo.service import VECTOR_KEY
from tests.backends.bots.gates import gate_in, token_for
from tests.backends.orphans.cleaner import FLAG, Cleaner, aged, insert_raw, plant
from tests.nasty import NASTY
from tests.olorin import T0, Clock, Platform
from tests.scanning import scan_now

EMBEDDINGS = "content_embeddings"
ODD = b"\x10n\x00\x01\x00\x00\x00" + b"\x10n\x00\x02\x00\x00\x00" + b"\x0es\x00\x02\x00\x00\x00x\x00"
"""The field n twice, and a symbol, a type that drivers read as a text."""

pytestmark = pytest.mark.usefixtures("transactions")


async def test_orphans_go_into_quarantine_unchanged_and_nothing_else_does(platform: Platform, cleaner: Cleaner) -> None:
    _, missing = plant(platform)
    before = cleaner.raw(EMBEDDINGS)
    verdict = await cleaner.clean()
    assert (verdict.state, verdict.error) == ("done", None)
    counts = {"planned": 30, "deleted": 30, "quarantined": 30, "reappeared": 0, "skipped": 0, "failed": 0}
    assert {name: verdict.counts[name] for name in counts} == counts
    after, kept = cleaner.raw(EMBEDDINGS), cleaner.quarantined(verdict.run_id, EMBEDDINGS)
    assert after | kept == before
    assert (len(after), len(kept)) == (60, 30)
    about = cleaner.about(verdict.run_id)
    assert {each["parent"] for each in about} == set(map(str, missing))
    assert all(each["hash"] == raw.hash_of(kept[str(each["_id"]["id"])]) for each in about)
    assert {(each["run_id"], each["field"]) for each in about} == {(verdict.run_id, "content_id")}
    assert {each["vector"] for each in about} == {f"{each}-{index}" for each in missing for index in range(3)}
    assert "30 of 30 removed" in verdict.why


async def test_documents_survive_that_no_driver_would_write_again(platform: Platform, cleaner: Cleaner) -> None:
    """A field twice, a deprecated type, nasty text in every field: copied, hashed and put back as bytes."""
    there, missing = plant(platform, gone=1, children=1, alive=300)
    parent = str(missing[0])
    head = b"\x07_id\x00" + ObjectId().binary + b"\x02content_id\x00\x19\x00\x00\x00" + parent.encode() + b"\x00"
    odd = head + ODD
    insert_raw(platform, EMBEDDINGS, [(len(odd) + 5).to_bytes(4, "little") + odd + b"\x00"])
    nasty: dict[str, Any] = {f"f{n}": text for n, text in enumerate(NASTY.values()) if "\ud800" not in text}
    values = {"b": Binary(b"\x00\xff", 5), "r": Regex("^a"), "n": float("nan"), "deep": {"$gt": [{"a.b": None}]}}
    platform.olorin[EMBEDDINGS].insert_one({"content_id": parent, **nasty, **values})
    before = cleaner.raw(EMBEDDINGS)
    verdict = await cleaner.clean()
    assert (verdict.counts["deleted"], len(cleaner.raw(EMBEDDINGS))) == (3, 300)
    assert len(there) == 300
    restored = await cleaner.restore(verdict.run_id)
    assert (restored.state, restored.counts["restored"], restored.counts["parent_missing"]) == ("done", 3, 3)
    assert cleaner.raw(EMBEDDINGS) == before


async def test_what_is_left_out_and_why(platform: Platform, cleaner: Cleaner, clock: Clock) -> None:
    platform.olorin.integration_partners.insert_many(
        [{"partner_id": "acme"}, {"partner_id": "idle", "suspended_at": T0}, {"partner_id": "lazy", "suspended_at": T0}]
    )
    old = [{"partner_id": "gone", "status": status} for status in ("active", "paused", "ended", "error")]
    more = [{"partner_id": each, "status": "ended"} for each in ("idle", "lazy", 7, *["acme"] * 20)]
    platform.olorin.dubbing_sessions.insert_many(aged([*old, *more]))
    await scan_now(cleaner.orphans)
    clock.pass_(days=8)
    # A parent that is missed just now; documents that were made just now, of one that is missing for long.
    young = {"_id": ObjectId.from_datetime(clock() - timedelta(days=6)), "partner_id": "gone", "note": "made late"}
    told = {"_id": "slug", "created_at": clock(), "partner_id": "gone", "note": "made late"}
    new = aged([{"partner_id": "young", "status": "ended"}])
    platform.olorin.dubbing_sessions.insert_many([*new, young, told])
    plan = await cleaner.plan(grace_days=7, suspended=("lazy",))
    dubbing = next(each for each in plan.references if each.name == "dubbing_sessions.partner_id")
    assert dubbing.left_out == {"active": 2, "grace": 3, "malformed": 1, "suspended": 1}
    assert dubbing.planned == 3
    verdict = await cleaner.clean(plan)
    assert verdict.counts["deleted"] == 3
    assert platform.olorin.dubbing_sessions.count_documents({"note": "made late"}) == 2
    left = {(str(each["partner_id"]), each["status"]) for each in platform.olorin.dubbing_sessions.find({"note": None})}
    assert left == {("gone", "active"), ("gone", "paused"), ("idle", "ended"), ("7", "ended"), ("young", "ended"),
        ("acme", "ended")}  # fmt: skip


async def test_soft_deleted_parents_keep_their_children(platform: Platform, cleaner: Cleaner) -> None:
    there, _ = plant(platform)
    platform.bayit.content.update_one({"_id": there[0]}, {"$set": {"deleted_at": T0}})
    plan = await cleaner.plan()
    assert plan.references[0].left_out == {"soft-deleted": 3}
    assert (await cleaner.clean(plan)).counts["deleted"] == 30
    assert platform.olorin[EMBEDDINGS].count_documents({"content_id": str(there[0])}) == 3


async def test_at_most_so_many(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    plan = await cleaner.plan(most=7)
    assert (plan.planned, plan.references[0].left_out) == (7, {"over the limit": 23})
    assert (await cleaner.clean(plan)).counts["deleted"] == 7


async def test_one_collection_only(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    platform.olorin.usage_records.insert_many([{"partner_id": each} for each in ("acme", "acme", "gone")])
    verdict = await cleaner.clean(collection="usage_records")
    assert (verdict.counts["deleted"], len(cleaner.raw(EMBEDDINGS))) == (1, 90)


async def test_a_document_with_two_missing_parents_goes_once(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform, partner_id="gone")
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    platform.olorin[EMBEDDINGS].update_many({}, {"$set": {"partner_id": "acme"}})
    _, missing = plant(platform, alive=1, gone=1, partner_id="lost")
    plan = await cleaner.plan(confirmed_percent=100)
    partner = next(each for each in plan.references if each.name == "content_embeddings.partner_id")
    assert partner.left_out == {"listed by another reference": 3}
    verdict = await cleaner.clean(plan)
    assert verdict.counts["deleted"] == plan.planned == 36
    assert len(missing) == 1


async def test_exempt_documents_stay(platform: Platform, cleaner: Cleaner) -> None:
    _, missing = plant(platform)
    one = platform.olorin[EMBEDDINGS].find_one({"content_id": str(missing[1])})
    assert one is not None
    book = cleaner.orphans.exemptions
    said: dict[str, Any] = {"owner": "ops", "reason": "kept for a trial"}
    async with cleaner.gate.act(book.act(), FLAG) as token:
        await book.add(token, EMBEDDINGS, "parent", str(missing[0]).upper(), **said)
        await book.add(token, EMBEDDINGS, "document", str(one["_id"]), **said)
        await book.add(
            token, EMBEDDINGS, "filter", f'{{"content_id": "{missing[2]}", "segment_index": {{"$gt": 0}}}}', **said
        )
        await book.add(token, "usage_records", "filter", '{"embedding_type": "title"}', **said)
    plan = await cleaner.plan()
    assert (plan.planned, plan.references[0].left_out) == (24, {"exempt": 6})
    scan = await cleaner.orphans.latest()
    assert scan is not None
    assert (scan.references[0].orphans, scan.references[0].exempt) == (30, 6)
    # One that becomes exempt after the plan is left alone too.
    async with cleaner.gate.act(book.act(), FLAG) as token:
        await book.add(token, EMBEDDINGS, "parent", str(missing[3]), **said)
    verdict = await cleaner.clean(plan)
    assert (verdict.counts["deleted"], verdict.counts["skipped"]) == (21, 3)
    assert len(await cleaner.cleaning.skipped(verdict.run_id)) == 3


async def test_an_exemption_ends_with_its_day(platform: Platform, cleaner: Cleaner, clock: Clock) -> None:
    plant(platform)
    book = cleaner.orphans.exemptions
    async with cleaner.gate.act(book.act(), FLAG) as token:
        until = clock() + timedelta(days=2)
        await book.add(
            token, EMBEDDINGS, "filter", '{"embedding_type": "title"}', owner="o", reason="r", expires_at=until
        )
    assert (await cleaner.plan()).planned == 0
    clock.pass_(days=2)
    assert (await cleaner.plan()).planned == 30


async def test_a_parent_that_is_there_again_keeps_its_children(platform: Platform, cleaner: Cleaner) -> None:
    _, missing = plant(platform)
    plan = await cleaner.plan()
    platform.bayit.content.insert_one({"_id": missing[4]})
    verdict = await cleaner.clean(plan)
    assert (verdict.counts["deleted"], verdict.counts["reappeared"]) == (27, 3)
    assert platform.olorin[EMBEDDINGS].count_documents({"content_id": str(missing[4])}) == 3


async def test_a_document_that_changed_is_left_alone_and_told(platform: Platform, cleaner: Cleaner) -> None:
    _, missing = plant(platform)
    plan = await cleaner.plan()
    changed = platform.olorin[EMBEDDINGS].find_one_and_update({"content_id": str(missing[0])}, {"$set": {"new": 1}})
    platform.olorin[EMBEDDINGS].delete_one({"content_id": str(missing[1])})
    verdict = await cleaner.clean(plan)
    assert (verdict.counts["deleted"], verdict.counts["skipped"], verdict.skipped) == (28, 2, 2)
    why = {each["why"]: each["id"] for each in await cleaner.cleaning.skipped(verdict.run_id)}
    assert set(why) == {quarantine.CHANGED, quarantine.GONE}
    assert changed is not None
    assert str(changed["_id"]) in why[quarantine.CHANGED]
    assert str(changed["_id"]) in cleaner.raw(EMBEDDINGS)


async def test_the_proof_finds_what_is_damaged(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    verdict = await cleaner.clean()
    _, (proof,) = await cleaner.cleaning.verify()
    assert (proof.ok, proof.whole, proof.absent) == (True, 30, 30)
    copies = platform.olorin[f"console_quarantine_{verdict.run_id}.{EMBEDDINGS}"]
    copies.update_one({}, {"$set": {"note": "changed"}})
    first = copies.find_one({"note": None})
    copies.delete_one(first or {})
    assert first is not None
    platform.olorin[EMBEDDINGS].insert_one(first)
    _, (proof,) = await cleaner.cleaning.verify()
    assert (proof.ok, proof.damaged, proof.unexpected) == (False, 2, 1)


async def test_a_quarantine_whose_time_is_over_is_kept_and_named_until_a_backup_is_proven(
    platform: Platform, cleaner: Cleaner, clock: Clock
) -> None:
    plant(platform)
    first = await cleaner.clean(most=3)
    clock.pass_(days=29)
    second = await cleaner.clean(most=3)
    clock.pass_(days=1)
    plan = await cleaner.plan(most=3)
    (said,) = plan.quarantines
    assert (first.run_id in said, "its 3 documents stay. There is no backup" in said, plan.drops) == (True, True, False)
    third = await cleaner.clean(plan)
    assert (third.state, third.counts["quarantines_dropped"]) == ("done", 0)
    assert f"kept although their time is over: {first.run_id}. There is no backup" in third.why
    assert len(cleaner.quarantined(first.run_id, EMBEDDINGS)) == 3

    cleaner.backup = BackupVerdict(Light.OK, "A backup of olorin is proven.")
    for path in cleaner.cleaning.folder.iterdir():
        os.utime(path, (0, 0))
    plan = await cleaner.plan(most=3)
    assert len(list(cleaner.cleaning.folder.iterdir())) == 2, "lists are kept for as long as quarantines"
    assert (plan.drops, "its 3 documents are dropped for good" in plan.quarantines[0]) == (True, True)
    fourth = await cleaner.clean(plan)
    assert (fourth.counts["quarantines_dropped"], "kept" in fourth.why) == (1, False)
    assert not cleaner.quarantined(first.run_id, EMBEDDINGS)
    assert len(cleaner.quarantined(second.run_id, EMBEDDINGS)) == 3
    assert not platform.olorin[quarantine.LISTS].count_documents({})


async def test_only_quarantines_that_the_plan_named_are_dropped(
    platform: Platform, cleaner: Cleaner, clock: Clock
) -> None:
    plant(platform)
    cleaner.backup = BackupVerdict(Light.OK, "A backup of olorin is proven.")
    first = await cleaner.clean(most=3)
    clock.pass_(days=30, minutes=-5)
    plan = await cleaner.plan(most=3)
    clock.pass_(minutes=6)
    assert (await cleaner.clean(plan)).counts["quarantines_dropped"] == 0
    assert len(cleaner.quarantined(first.run_id, EMBEDDINGS)) == 3


async def test_vectors_are_listed_and_deleted_unless_an_embedding_still_names_them(
    platform: Platform, cleaner: Cleaner, endpoint: str, tmp_path: Path
) -> None:
    _, missing = plant(platform, gone=2, children=2)
    shared = f"{missing[0]}-0"
    platform.olorin[EMBEDDINGS].update_one({"segment_index": 0}, {"$set": {"pinecone_vector_id": shared}})
    ids = [f"{each}-{index}" for each in missing for index in range(2)]
    http = HttpClient()
    cleaner.vectors = Vectors(http, VECTOR_KEY, "olorin-content", endpoint)
    async with token_for(gate_in(tmp_path / "other"), "test.upsert", "the index") as token:
        await cleaner.vectors.upsert(token, [{"id": each, "values": [1.0]} for each in ids])
    verdict = await cleaner.clean()
    assert set(await cleaner.vectors.fetch(ids)) == {shared}
    assert (verdict.counts["vectors"], verdict.counts["vectors_deleted"]) == (4, 3)
    listed = vectors_path(cleaner.cleaning.folder, verdict.run_id).read_text().split()
    assert sorted(listed) == sorted(ids)
    await http.aclose()


async def test_vectors_that_an_index_did_not_take_are_told_and_deleted_by_the_next_clean_up(
    platform: Platform, cleaner: Cleaner, endpoint: str, tmp_path: Path
) -> None:
    _, missing = plant(platform, gone=2, children=2)
    ids = [f"{each}-{index}" for each in missing for index in range(2)]
    http = HttpClient(connect_s=0.5)
    index = Vectors(http, VECTOR_KEY, "olorin-content", endpoint)
    async with token_for(gate_in(tmp_path / "other"), "test.upsert", "the index") as token:
        await index.upsert(token, [{"id": each, "values": [1.0]} for each in ids])
    cleaner.vectors = Vectors(http, VECTOR_KEY, "olorin-content", "http://127.0.0.1:9")
    verdict = await cleaner.clean()
    assert (verdict.state, verdict.counts["vectors_deleted"], verdict.counts["vectors_left"]) == ("done", 0, 4)
    assert (verdict.skipped, "; 4 vectors are left in the index" in verdict.why) == (4, True)
    cleaner.vectors = index
    late = await cleaner.clean()
    assert (late.counts["vectors_deleted_late"], await index.fetch(ids)) == (4, {})
    assert "vectors_deleted_late" not in (await cleaner.clean()).counts
    await http.aclose()
