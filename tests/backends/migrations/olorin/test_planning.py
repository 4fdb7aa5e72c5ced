"""The dry run over real databases: exact counts, every gate, what the models reject; and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from backends.clients.mongo import MongoClients
from backends.migrations.olorin.model import KIND, CollectionPlan, DryRun, GateState, Light
from backends.migrations.olorin.service import SeparationService
from backends.safety.plans import PlanStore
from tests.backends.migrations.olorin.conftest import service_of
from tests.olorin import T0, Platform


def usage(number: int, **more: Any) -> dict[str, Any]:
    """A record that the model takes."""
    said = {"partner_id": "p", "capability": "recap_agent", "period_start": T0, "period_end": T0}
    return {"_id": ObjectId(f"{number:024x}"), **said, **more}


def gate(found: DryRun, name: str) -> GateState:
    return next(each for each in found.gates if each.id == name)


def plan_of(found: DryRun, name: str) -> CollectionPlan:
    return next(each for each in found.collections if each.name == name)


async def test_what_would_be_copied_is_counted_by_comparing(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_many([usage(number) for number in range(1500)])
    platform.olorin.usage_records.insert_many([usage(number, request_count=number % 2) for number in range(10)])
    platform.olorin.usage_records.insert_one(usage(9999))
    platform.bayit.usage_records.create_index([("partner_id", 1), ("period_start", -1)])
    found = await service.dry_run()
    records = plan_of(found, "usage_records")
    assert (records.source, records.target, records.to_copy, records.extra) == (1500, 11, 1500, 1)
    assert (records.batches, records.indexes) == (2, ("partner_id, period_start desc",))
    assert records.bytes == sum(len(batch) for batch in platform.bayit.usage_records.find_raw_batches())
    assert plan_of(found, "recap_sessions").source == 0
    assert found.seconds[0] < found.seconds[1]


async def test_the_plan_is_kept_and_is_the_same_for_the_same_data(
    platform: Platform, service: SeparationService, tmp_path: Path
) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    first = (await service.dry_run()).plan
    assert (await service.dry_run()).plan == first
    platform.bayit.usage_records.insert_one(usage(2))
    assert (await service.dry_run()).plan != first
    assert PlanStore(tmp_path).load_to_start(first, KIND, service.places.target.where).hash == first


async def test_nothing_is_written(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    before = platform.bayit.client.admin.command("serverStatus")["opcounters"]
    await service.dry_run()
    after = platform.bayit.client.admin.command("serverStatus")["opcounters"]
    assert [after[each] - before[each] for each in ("insert", "update", "delete")] == [0, 0, 0]
    assert platform.olorin.list_collection_names() == []


async def test_a_gate_for_each_thing_that_could_be_wrong(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    found = await service.dry_run()
    lights = {each.id: each.status for each in found.gates}
    assert lights == {
        "different": Light.OK,
        "flag": Light.OK,
        "newer": Light.OK,
        "source": Light.WARNING,
        "follow": Light.OK,
        "reachable": Light.OK,
        "writable": Light.OK,
        "disk": Light.NO_DATA,
        "difference": Light.OK,
        "models": Light.OK,
    }
    assert found.light is Light.WARNING


async def test_a_target_that_does_not_answer_is_red(platform: Platform, tmp_path: Path) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    more = {"OLORIN_MONGODB_URL": "mongodb://127.0.0.1:1/"}
    mongo = platform.clients(**more)
    found = await service_of(platform, mongo, tmp_path, False, **more).dry_run()
    await mongo.aclose()
    assert (gate(found, "reachable").status, found.plan) == (Light.RED, "")


@pytest.mark.parametrize(("flag", "name"), [(True, "newer"), (None, "flag")])
async def test_a_flag_that_is_on_or_unclear_is_red(
    platform: Platform, mongo: MongoClients, tmp_path: Path, flag: bool | None, name: str
) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    found = await service_of(platform, mongo, tmp_path, flag).dry_run()
    assert (gate(found, name).status, found.light) == (Light.RED, Light.RED)


async def test_one_database_for_both_is_red_and_makes_no_plan(platform: Platform, tmp_path: Path) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    platform.olorin = platform.bayit
    mongo = platform.clients(OLORIN_USE_SEPARATE_DATABASE="false")
    found = await service_of(platform, mongo, tmp_path).dry_run()
    await mongo.aclose()
    assert (gate(found, "different").status, found.plan, found.collections) == (Light.RED, "", ())


async def test_what_the_models_reject_is_counted_and_listed(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_many([usage(1), usage(2, request_count=-1), {"partner_id": "p"}])
    sessions = [{"session_id": "s", "transcript_segments": [{}] * many} for many in (5000, 5001)]
    platform.bayit.recap_sessions.insert_many(sessions)
    found = await service.dry_run()
    assert (found.rejected, gate(found, "models").status) == (3, Light.WARNING)
    assert [(each.collection, each.why) for each in found.rejects] == [
        ("usage_records", "request_count must be a whole number from 0"),
        ("usage_records", "capability is missing"),
        ("recap_sessions", "transcript_segments must be a list of at most 5,000"),
    ]


async def test_a_view_in_a_collections_place_is_red(platform: Platform, service: SeparationService) -> None:
    platform.bayit.create_collection("usage_records", viewOn="other", pipeline=[])
    assert gate(await service.dry_run(), "source").status is Light.RED


async def test_what_the_target_holds_otherwise_is_a_warning(platform: Platform, service: SeparationService) -> None:
    platform.bayit.usage_records.insert_one(usage(1))
    platform.olorin.usage_records.insert_one(usage(1, request_count=5))
    assert gate(await service.dry_run(), "difference").status is Light.WARNING
