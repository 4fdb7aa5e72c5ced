"""Olorin's separation over real databases: counts, indexes, and one side that can't be asked."""

from dataclasses import replace

import pytest
from pymongo import DESCENDING

from backends.clients.errors import BackendError, CannotConnect, NotConfigured, NotThere
from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget, Role, separate_target
from backends.migrations.model import OLORIN_COLLECTIONS, Held, MovingCollection, Separation
from backends.migrations.separation import Move, separation
from tests.olorin import Platform

NOBODY = MongoTarget("mongodb://127.0.0.1:9/?directConnection=true", "olorin", "OLORIN_MONGODB_URL")


async def looked(platform: Platform, mongo: MongoClients, flag: bool | None = False) -> Separation:
    target = separate_target(platform.environment())
    return await separation(mongo, mongo.target(Role.MAIN), Move(flag, target))


def of(found: Separation, name: str) -> MovingCollection:
    return next(each for each in found.collections if each.name == name)


async def test_both_sides_are_counted(platform: Platform, mongo: MongoClients) -> None:
    platform.bayit.usage_records.insert_many([{} for _ in range(5)])
    platform.olorin.usage_records.insert_many([{} for _ in range(3)])
    platform.olorin.recap_sessions.insert_one({})
    found = await looked(platform, mongo)
    assert tuple(each.name for each in found.collections) == OLORIN_COLLECTIONS
    assert of(found, "usage_records").difference == 2
    assert of(found, "recap_sessions").difference == -1
    assert of(found, "cultural_references").source == Held(0, present=False)
    assert (found.same, found.flag, found.target_variable) == (False, False, "MONGODB_URI")
    assert (found.source_problem, found.target_problem) == (None, None)


async def test_indexes_are_compared_by_what_they_do(platform: Platform, mongo: MongoClients) -> None:
    for database in (platform.bayit, platform.olorin):
        database.usage_records.create_index("capability")
    platform.bayit.usage_records.create_index([("partner_id", 1), ("period_start", DESCENDING)], name="billing")
    platform.bayit.usage_records.create_index("granularity", unique=True)
    platform.olorin.usage_records.create_index("granularity")
    usage = of(await looked(platform, mongo), "usage_records")
    assert usage.source is not None
    assert usage.source.indexes == ("capability", "granularity · unique", "partner_id, period_start desc")
    assert usage.missing_indexes == ("granularity · unique", "partner_id, period_start desc")


async def test_the_target_is_told_before_the_flag_is_on(platform: Platform) -> None:
    mongo = platform.clients(OLORIN_USE_SEPARATE_DATABASE="false")
    platform.olorin.usage_records.insert_one({})
    platform.bayit.users.insert_one({})
    found = await looked(platform, mongo)
    await mongo.aclose()
    assert found.target is not None
    assert platform.olorin.name in found.target
    assert of(found, "usage_records").difference == -1


async def test_a_target_that_is_the_source_is_told(platform: Platform, mongo: MongoClients) -> None:
    platform.bayit.users.insert_one({})
    source = mongo.target(Role.MAIN)
    again = replace(source, url=source.url.replace("127.0.0.1", "localhost"))
    found = await separation(mongo, source, Move(False, again))
    assert found.same


async def test_a_source_that_is_not_there_is_said(mongo: MongoClients) -> None:
    source = mongo.target(Role.MAIN)
    found = await separation(mongo, source, Move(False, replace(source, database="nowhere")))
    assert found.source_problem is not None
    assert found.source_problem.kind == "not there"


async def test_neither_database_there_is_an_error(mongo: MongoClients) -> None:
    source = mongo.target(Role.MAIN)
    with pytest.raises(NotThere):
        await separation(mongo, source, Move(True, replace(source, database="nowhere")))


@pytest.mark.parametrize("missing", [NOBODY, NotConfigured("none")], ids=["down", "not configured"])
async def test_a_target_that_cannot_be_asked_hides_no_source(
    platform: Platform, mongo: MongoClients, missing: MongoTarget | BackendError
) -> None:
    platform.bayit.usage_records.insert_one({})
    found = await separation(mongo, mongo.target(Role.MAIN), Move(False, missing))
    usage = of(found, "usage_records")
    assert usage.source == Held(1, present=True)
    assert (usage.target, usage.difference, usage.missing_indexes) == (None, None, ())
    assert found.target_problem is not None
    assert found.runs.problem is not None


async def test_nobody_to_ask_is_an_error(mongo: MongoClients) -> None:
    with pytest.raises(CannotConnect):
        await separation(mongo, NOBODY, Move(False, NotConfigured("none")))
