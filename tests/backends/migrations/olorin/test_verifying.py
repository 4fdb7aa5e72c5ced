"""Verifying over real databases: what is missing, extra and different, as it is stored; manifests; fields."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from bson import Binary, Int64, encode

from backends.clients.errors import LeaseHeld
from backends.clients.mongo import MongoClients
from backends.migrations.olorin.fields import ORDER
from backends.migrations.olorin.manifest import Manifest
from backends.migrations.olorin.merge import Kind, Pair
from backends.migrations.olorin.model import (
    CollectionProof,
    Difference,
    FieldDifference,
    IndexDifference,
    SinceSwitch,
    Verified,
)
from backends.migrations.olorin.planning import LISTED
from backends.migrations.olorin.service import SeparationService
from backends.migrations.olorin.streams import entry_of
from backends.migrations.olorin.verifying import Count
from tests.backends.migrations.olorin.conftest import service_of
from tests.backends.migrations.olorin.migrating import Bench
from tests.backends.migrations.olorin.test_order import IDS
from tests.olorin import Platform


def test_many_of_one_kind_do_not_hide_the_others() -> None:
    count = Count()
    for number in range(LISTED + 1):
        count.add([Pair(entry_of(encode({"_id": number})), None)])
    count.add([Pair(None, entry_of(encode({"_id": "only there"})))])
    kinds = Counter(kind for kind, _ in count.listed)
    assert kinds == {Kind.MISSING: LISTED, Kind.EXTRA: 1}


async def test_two_verifications_at_once(service: SeparationService, platform: Platform, tmp_path: Path) -> None:
    """Both would write the manifest: the second is told who does."""
    platform.bayit.usage_records.insert_one({"_id": 1})
    with (
        Manifest(tmp_path, service.places.target.where).locked(),
        pytest.raises(LeaseHeld, match=f"pid {os.getpid()}"),
    ):
        await service.verify()
    await service.verify()


def proof_of(found: Verified, name: str = "usage_records") -> CollectionProof:
    return next(each for each in found.collections if each.name == name)


def unfinished(state: Path) -> list[Path]:
    return list(state.rglob("*.new"))


def plant(platform: Platform, count: int = 2500) -> None:
    """The same documents on both sides, of every type that an `_id` can have."""
    documents = [{"_id": each, "n": place} for place, each in enumerate((*IDS, *range(1000, 1000 + count)))]
    for database in (platform.bayit, platform.olorin):
        database.usage_records.insert_many(documents)


async def test_the_same_on_both_sides_passes(platform: Platform, service: SeparationService) -> None:
    plant(platform)
    found = await service.verify()
    assert (found.passed, proof_of(found).source) == (True, 2500 + len(IDS))
    proof = await service.newest_proof()
    assert proof is not None
    assert (proof.passed, proof.made_at >= found.at) == (True, True)


async def test_each_kind_of_difference_is_told_apart(platform: Platform, service: SeparationService) -> None:
    plant(platform)
    platform.olorin.usage_records.delete_one({"_id": 1500})
    platform.olorin.usage_records.insert_one({"_id": "only here"})
    platform.olorin.usage_records.replace_one({"_id": 1501}, {"n": -1})
    proof = proof_of(found := await service.verify())
    assert (found.passed, proof.missing, proof.extra, proof.different) == (False, 1, 1, 1)
    assert set(proof.differences) == {
        Difference("missing", '{"$numberInt": "1500"}'),
        Difference("extra", '"only here"'),
        Difference("different", '{"$numberInt": "1501"}'),
    }
    newest = await service.newest_proof()
    assert newest is not None
    assert not newest.passed


async def test_values_of_another_type_or_order_are_different(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1, "b": 2}, {"_id": 3, "a": b"x"}])
    platform.olorin.usage_records.insert_many(
        [{"_id": 1, "a": 1.0}, {"_id": 2, "b": 2, "a": 1}, {"_id": 3, "a": Binary(b"x", 5)}]
    )
    assert proof_of(await service.verify()).different == 3
    one, two = [await service.difference("usage_records", f'{{"$numberInt": "{number}"}}') for number in (1, 2)]
    assert one == (FieldDifference("a", '{"$numberInt": "1"}', '{"$numberDouble": "1.0"}'),)
    assert two == (FieldDifference(ORDER, "_id, a, b", "_id, b, a"),)


async def test_an_id_of_another_type_is_a_different_document(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_one({"_id": 7})
    platform.olorin.usage_records.insert_one({"_id": Int64(7)})
    proof = proof_of(await service.verify())
    assert (proof.missing, proof.extra, proof.different) == (0, 0, 1)


async def test_a_document_can_be_looked_at_field_by_field(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_one(
        {"_id": "x", "kept": 1, "gone": "[red]\x1b", "deep": {"list": [1, {"a": 2}]}}
    )
    platform.olorin.usage_records.insert_one({"_id": "x", "kept": 1, "new": None, "deep": {"list": [1, {"a": 3}]}})
    assert await service.difference("usage_records", '"x"') == (
        FieldDifference("gone", '"[red]\\u001b"', None),
        FieldDifference("deep.list.1.a", '{"$numberInt": "2"}', '{"$numberInt": "3"}'),
        FieldDifference("new", None, "null"),
    )
    assert len(await service.difference("usage_records", '"nowhere"')) == 0


async def test_indexes_are_compared_with_the_source_and_the_model(
    platform: Platform, service: SeparationService
) -> None:
    platform.bayit.usage_records.create_index("capability", sparse=True)
    platform.olorin.usage_records.create_index("capability")
    proof = proof_of(found := await service.verify())
    assert (found.passed, proof.indexes) == (False, (IndexDifference("capability · sparse", "different"),))
    assert "partner_id, granularity, period_start desc" in proof.declared
    assert "capability" not in proof.declared


async def test_what_the_platform_declares_is_built_where_it_can_be(
    platform: Platform, mongo: MongoClients, tmp_path: Path
) -> None:
    bench = Bench(platform, mongo, tmp_path)
    platform.bayit.usage_records.insert_one({"_id": 1})
    for side in (platform.bayit, platform.olorin):
        side.dubbing_sessions.insert_many([{"_id": 1, "session_id": "s"}, {"_id": 2, "session_id": "s"}])
    platform.olorin.usage_records.insert_one({"_id": 1})
    built = await bench.build_indexes()
    assert "partner_id_1_granularity_1_period_start_-1" in platform.olorin.usage_records.index_information()
    (left,) = [each for each in built if each.why_not]
    assert (left.collection, left.text) == ("dubbing_sessions", "session_id · unique")
    assert "same value" in left.why_not
    assert "partner_id_unique" in platform.olorin.integration_partners.index_information()
    assert not proof_of(found := await bench.service().verify()).declared
    assert (found.passed, proof_of(found, "dubbing_sessions").declared) == (True, ("session_id · unique",))


async def test_after_the_switch_the_targets_own_writes_do_not_fail_it(
    platform: Platform, service: SeparationService, mongo: MongoClients, tmp_path: Path
) -> None:
    plant(platform)
    assert (await service.verify()).passed
    after = service_of(platform, mongo, tmp_path, flag=True)
    platform.olorin.usage_records.insert_many([{"_id": "new"}, {"_id": "newer"}])
    platform.olorin.usage_records.delete_one({"_id": 1500})
    platform.olorin.usage_records.update_many({"_id": {"$in": [1501, 1502, 1503]}}, {"$set": {"n": -1}})
    found = await after.verify()
    assert (found.passed, proof_of(found).since) == (True, SinceSwitch(2, 3, 1))
    platform.bayit.usage_records.insert_one({"_id": "written to the old one"})
    found = await after.verify()
    assert (found.passed, proof_of(found).missing) == (False, 1)


async def test_a_failed_verification_leaves_the_manifest_of_the_passed_one(
    platform: Platform, service: SeparationService, mongo: MongoClients, tmp_path: Path
) -> None:
    plant(platform, 10)
    await service.verify()
    platform.olorin.usage_records.delete_one({"_id": 1000})
    assert not (await service.verify()).passed
    found = await service_of(platform, mongo, tmp_path, flag=True).verify()
    assert (found.passed, proof_of(found).since) == (True, SinceSwitch(0, 0, 1))
    assert not unfinished(tmp_path)
