"""Restoring: all, a parent's documents, one; over what is there by now; twice; and what a soft delete saves."""

from typing import Any

import pytest
from bson import ObjectId

from backends.clients.errors import NotThere
from backends.orphans.restore_job import RestoreJob
from backends.orphans.values import json_of
from tests.backends.orphans.cleaner import Cleaner, plant
from tests.olorin import Platform

EMBEDDINGS = "content_embeddings"
COUNTS = ("restored", "same", "conflict", "parent_missing")


def counted(verdict: Any) -> tuple[int, ...]:
    return tuple(verdict.counts[name] for name in COUNTS)


@pytest.fixture
async def cleaned(platform: Platform, cleaner: Cleaner) -> tuple[str, list[ObjectId], dict[str, bytes]]:
    """A clean-up's run, the parents that are gone, and the documents as they were."""
    _, missing = plant(platform)
    before = cleaner.raw(EMBEDDINGS)
    return (await cleaner.clean()).run_id, missing, before


Cleaned = tuple[str, list[ObjectId], dict[str, bytes]]


async def test_everything_comes_back_as_it_was_and_twice_changes_nothing(
    platform: Platform, cleaner: Cleaner, cleaned: Cleaned
) -> None:
    run_id, missing, before = cleaned
    platform.bayit.content.insert_one({"_id": missing[0]})
    assert counted(await cleaner.restore(run_id)) == (30, 0, 0, 27)
    assert cleaner.raw(EMBEDDINGS) == before
    again = await cleaner.restore(run_id)
    assert (counted(again), again.skipped) == ((0, 30, 0, 0), 0)
    assert cleaner.raw(EMBEDDINGS) == before
    _, (proof,) = await cleaner.cleaning.verify(run_id)
    assert (proof.ok, proof.restored, proof.absent) == (True, 30, 0)


@pytest.mark.parametrize("size", [1, 7])
async def test_small_batches_come_to_the_same(
    platform: Platform, cleaner: Cleaner, cleaned: Cleaned, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backends.orphans import restore_job, verifying
    from backends.runs.sizing import Limits

    monkeypatch.setattr(restore_job.RestoreJob, "limits", Limits(size, size, size))
    monkeypatch.setattr(verifying, "READ", 4)
    assert counted(await cleaner.restore(cleaned[0])) == (30, 0, 0, 30)
    assert cleaner.raw(EMBEDDINGS) == cleaned[2]


async def test_a_parents_documents_in_any_spelling(platform: Platform, cleaner: Cleaner, cleaned: Cleaned) -> None:
    run_id, missing, _ = cleaned
    assert counted(await cleaner.restore(run_id, parent=str(missing[3]).upper())) == (3, 0, 0, 3)
    assert platform.olorin[EMBEDDINGS].count_documents({"content_id": str(missing[3])}) == 3
    _, (proof,) = await cleaner.cleaning.verify(run_id)
    assert (proof.ok, proof.restored, proof.absent) == (True, 3, 27)
    # That some were restored takes no other one out of the proof.
    left = platform.olorin[f"console_quarantine_{run_id}.{EMBEDDINGS}"].find({"content_id": str(missing[4])})
    platform.olorin[EMBEDDINGS].insert_many(list(left))
    _, (proof,) = await cleaner.cleaning.verify(run_id)
    assert (proof.ok, proof.restored, proof.unexpected) == (False, 3, 3)


async def test_what_was_restored_and_is_gone_fails_the_proof_unless_it_was_cleaned_up_again(
    platform: Platform, cleaner: Cleaner, cleaned: Cleaned, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, missing, _ = cleaned
    await cleaner.restore(run_id)
    cleaner.clock.pass_(minutes=1)
    assert (await cleaner.clean()).counts["deleted"] == 30
    _, (proof,) = await cleaner.cleaning.verify(run_id)
    assert (proof.ok, proof.absent) == (True, 30)
    proving = RestoreJob.verify

    async def vanish(self: RestoreJob, context: Any) -> Any:
        platform.olorin[EMBEDDINGS].delete_many({"content_id": str(missing[0])})
        return await proving(self, context)

    monkeypatch.setattr(RestoreJob, "verify", vanish)
    newest, _ = await cleaner.cleaning.verify()
    verdict = await cleaner.restore(newest)
    assert (verdict.state, verdict.why) == ("failed", f"{EMBEDDINGS}: 3 restored and gone")


async def test_one_document(cleaner: Cleaner, cleaned: Cleaned) -> None:
    run_id, _, before = cleaned
    one = next(iter(cleaner.quarantined(run_id, EMBEDDINGS)))
    assert counted(await cleaner.restore(run_id, document=json_of(ObjectId(one)))) == (1, 0, 0, 1)
    assert cleaner.raw(EMBEDDINGS)[one] == before[one]


async def test_what_is_there_by_now_is_never_changed(platform: Platform, cleaner: Cleaner, cleaned: Cleaned) -> None:
    run_id, _, before = cleaned
    first, second, *_ = cleaner.quarantined(run_id, EMBEDDINGS)
    platform.olorin[EMBEDDINGS].insert_one({"_id": ObjectId(first), "note": "another one"})
    verdict = await cleaner.restore(run_id)
    assert (counted(verdict), verdict.skipped) == ((29, 0, 1, 29), 1)
    after = cleaner.raw(EMBEDDINGS)
    assert b"another one" in after.pop(first)
    assert after[second] == before[second]
    _, (proof,) = await cleaner.cleaning.verify(run_id)
    assert (proof.ok, proof.conflict) == (True, 1)


async def test_a_unique_index_that_clashes_is_a_conflict(
    platform: Platform, cleaner: Cleaner, cleaned: Cleaned
) -> None:
    run_id, missing, _ = cleaned
    platform.olorin[EMBEDDINGS].create_index("pinecone_vector_id", unique=True)
    platform.olorin[EMBEDDINGS].insert_one({"pinecone_vector_id": f"{missing[0]}-1"})
    verdict = await cleaner.restore(run_id)
    assert (counted(verdict), verdict.state) == ((29, 0, 1, 29), "done")
    assert counted(await cleaner.restore(run_id)) == (0, 29, 1, 0)


async def test_a_quarantine_that_is_gone_as_a_whole_is_missed(
    platform: Platform, cleaner: Cleaner, cleaned: Cleaned
) -> None:
    """And a clean-up of nothing, which has none, is no newest one."""
    run_id = cleaned[0]
    cleaner.clock.pass_(days=1)
    empty = await cleaner.clean()
    assert (empty.state, empty.counts["deleted"]) == ("done", 0)
    assert await cleaner.cleaning.newest() == (run_id, 30)
    with pytest.raises(NotThere):
        await cleaner.cleaning.restore_run(empty.run_id)
    for name in platform.olorin.list_collection_names(filter={"name": {"$regex": "^console_quarantine_"}}):
        assert run_id in name
        platform.olorin[name].drop()
    found, (proof,) = await cleaner.cleaning.verify()
    assert (found, proof.ok, proof.damaged) == (run_id, False, 30)
    assert (await cleaner.restore(run_id)).why == f"{EMBEDDINGS}: 30 damaged in quarantine"


async def test_a_run_without_a_quarantine_is_told(cleaner: Cleaner, cleaned: Cleaned) -> None:
    with pytest.raises(NotThere):
        await cleaner.cleaning.restore_run("clean-nobody")
    for nothing in ({"parent": "typo"}, {"document": json_of(ObjectId())}, {"collection": "usage_records"}):
        with pytest.raises(NotThere, match="holds nothing of"):
            await cleaner.cleaning.restore_run(cleaned[0], **nothing)
