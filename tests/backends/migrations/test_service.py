"""How the migrations stand together."""

from backends.clients.errors import NotConfigured
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget, mongo_targets, separate_target
from backends.migrations.separation import Move
from backends.migrations.service import MigrationsService
from backends.sampling.state import State, Summary
from tests.olorin import Platform

NOTHING = PostgresClient(NotConfigured("It is not configured."))


async def test_where_nothing_is_configured_that_is_said() -> None:
    mongo = MongoClients(mongo_targets({}), WATCHING)
    service = MigrationsService(mongo, Move(False, separate_target({})), NOTHING, NOTHING)
    assert (await service.summary()).state is State.NOT_CONFIGURED


async def test_what_is_not_configured_hides_nothing(platform: Platform, mongo: MongoClients) -> None:
    platform.bayit.usage_records.insert_one({})
    move = Move(False, separate_target(platform.environment()))
    stands = await MigrationsService(mongo, move, NOTHING, NOTHING).summary()
    assert stands == Summary(State.OK, "olorin: not migrated: 1 document of 1 collection to move")


async def test_the_worst_of_them_stands_for_all(platform: Platform, mongo: MongoClients) -> None:
    platform.bayit.users.insert_one({})
    down = PostgresClient(PostgresTarget("postgresql://postgres@127.0.0.1:9/x", "CHUNKS_DATABASE_URL"))
    move = Move(False, separate_target(platform.environment()))
    stands = await MigrationsService(mongo, move, down, NOTHING).summary()
    await down.aclose()
    assert stands.state is State.NO_DATA
    assert stands.headline.startswith("chunks: cannot connect")


async def test_a_failed_run_is_worse_than_a_good_state(platform: Platform, mongo: MongoClients) -> None:
    platform.olorin.console_runs.insert_one({"_id": "r-1", "kind": "olorin", "state": "failed", "why": "disk full"})
    move = Move(False, separate_target(platform.environment()))
    stands = await MigrationsService(mongo, move, NOTHING, NOTHING).summary()
    assert stands == Summary(State.CRITICAL, "olorin: run r-1 is failed: disk full")
