"""Sessions that write exist only behind the gate, on the act's own target, and never on the Bayit reference."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from backends.clients.errors import BackendError, DeadlineExceeded, Refused, WriteRefused
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget, Role, mongo_targets
from backends.safety.gate import Act, Consent, Gate

FLAG = Consent("command", explicit=True)
WRITES = re.compile("insert|update|delete|replace|drop|create|rename|bulk|find_one_and|collection$|client$|delegate$")
"""Names of the driver's methods that write, and of its ways to objects that have them."""


@pytest.fixture
async def mongo(mongo_url: str, mongo_database: str) -> AsyncIterator[MongoClients]:
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    yield clients
    await clients.aclose()


@pytest.fixture
async def postgres(postgres_database: str) -> AsyncIterator[PostgresClient]:
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    yield client
    await client.aclose()


async def test_mongo_is_written_with_a_token_for_it_and_with_no_other(mongo: MongoClients, gate: Gate) -> None:
    where = mongo.target(Role.MAIN).where
    async with gate.act(Act("toy.write", where), FLAG) as token, mongo.writing(token, Role.MAIN) as database:
        await database["things"].insert_one({"_id": 1})
    with pytest.raises(Refused):
        await mongo.writing(token, Role.MAIN).__aenter__()
    async with gate.act(Act("toy.write", "elsewhere"), FLAG) as token:
        with pytest.raises(Refused):
            await mongo.writing(token, Role.MAIN).__aenter__()
    act = Act("toy.write", "elsewhere", beside=(where,))
    async with gate.act(act, FLAG) as token, mongo.writing(token, mongo.target(Role.MAIN)) as database:
        assert await database["things"].count_documents({}) == 1


@pytest.mark.parametrize("armed", [True, False])
async def test_the_bayit_reference_refuses_every_write(mongo: MongoClients, gate: Gate, armed: bool) -> None:
    if armed:
        gate.arming.arm()
    async with gate.act(Act("toy.write", mongo.target(Role.BAYIT).where), FLAG) as token:
        for target in (Role.BAYIT, mongo.target(Role.BAYIT)):
            with pytest.raises(Refused, match="read only"):
                await mongo.writing(token, target).__aenter__()
    async with mongo.reading(Role.BAYIT) as database:
        assert await database.list_collection_names() == []


@pytest.mark.parametrize("armed", [True, False])
async def test_what_reads_has_no_way_to_write(mongo: MongoClients, gate: Gate, armed: bool) -> None:
    """Not the driver's own methods, nor its objects behind what they give, nor commands and stages that write."""
    if armed:
        gate.arming.arm()
    async with mongo.reading(Role.BAYIT) as database:
        things = database["things"]
        for cursor in (things.find({}), things.aggregate([]), things.find_raw_batches({}), database.aggregate([])):
            for given in (database, things, cursor, aiter(cursor)):
                public = {name for name in dir(given) if not name.startswith("_")}
                assert not [name for name in public if WRITES.match(name)]
                assert not [name for name in public if type(getattr(given, name)).__module__.startswith("motor")]
        for command in ("insert", "update", "delete", "findAndModify", "drop", "create", "createIndexes", "mapReduce"):
            with pytest.raises(WriteRefused):
                await database.command(command, "things")
        for stage in ({"$out": "things"}, {"$merge": "things"}):
            with pytest.raises(WriteRefused):
                things.aggregate([stage])
        assert await database.list_collection_names() == []


async def test_postgres_is_written_with_a_token_for_it_and_with_no_other(
    postgres: PostgresClient, postgres_database: str, gate: Gate
) -> None:
    where = postgres.target.where
    async with gate.act(Act("toy.write", where), FLAG) as token, postgres.writing(token, 5_000) as connection:
        await connection.execute("CREATE TABLE things AS SELECT 1 AS id")
    for _ in range(2):
        with pytest.raises(Refused):
            await postgres.writing(token, 5_000).__aenter__()
    other = await asyncpg.connect(postgres_database)
    assert await other.fetchval("SELECT count(*) FROM things") == 1
    assert not await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'CREATE TABLE%'")
    await other.close()


async def test_a_writing_statement_has_its_own_deadline(postgres: PostgresClient, gate: Gate) -> None:
    async with gate.act(Act("toy.write", postgres.target.where), FLAG) as token:
        with pytest.raises(DeadlineExceeded):
            async with postgres.writing(token, 50) as connection:
                await connection.execute("SELECT pg_sleep(60)")


async def test_reading_sessions_still_refuse_to_write(postgres: PostgresClient) -> None:
    with pytest.raises(BackendError, match="read-only"):
        async with postgres.reading() as session:
            await session.execute("CREATE TABLE things (id int)")
