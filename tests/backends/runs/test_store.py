"""Runs read from real databases: none, some, and records that somebody else spoilt."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from backends.clients.errors import NotThere
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, Role
from backends.runs.model import Run, RunState
from backends.runs.store import mongo_runs, postgres_runs
from tests.olorin import T0, Platform, platform_on

RUN = Run("r-1", "olorin", "running", 25, 100, "ops@host 4711", T0, "")


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        yield platform


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[MongoClients]:
    clients = platform.clients()
    yield clients
    await clients.aclose()


async def test_no_record_in_mongo_is_no_run(mongo: MongoClients) -> None:
    assert await mongo_runs(mongo, mongo.target(Role.OLORIN)) == ()


async def test_runs_in_mongo_come_newest_first(platform: Platform, mongo: MongoClients) -> None:
    record = {"kind": "olorin", "state": "running", "done": 25, "total": 100, "holder": "ops@host 4711", "since": T0}
    later = {**record, "_id": "r-2", "since": T0 + timedelta(hours=1)}
    platform.olorin.console_runs.insert_many([{**record, "_id": "r-1"}, later])
    found = await mongo_runs(mongo, mongo.target(Role.OLORIN))
    assert found == (replace(RUN, id="r-2", since=T0 + timedelta(hours=1)), RUN)
    assert (RUN.progress, RUN.known_state) == (0.25, RunState.RUNNING)


async def test_a_spoilt_record_is_shown_as_far_as_it_goes(platform: Platform, mongo: MongoClients) -> None:
    platform.olorin.console_runs.insert_one(
        {"_id": 7, "state": "\x1b[2Jodd[/]", "done": -1, "total": True, "since": "yesterday"}
    )
    (found,) = await mongo_runs(mongo, mongo.target(Role.OLORIN))
    assert found == Run("7", "", "␛[2Jodd[/]", None, None, None, None, "")
    assert (found.known_state, found.progress) == (None, None)


async def test_runs_in_postgres(postgres_database: str) -> None:
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    admin = await asyncpg.connect(postgres_database)
    assert await postgres_runs(client) == ()
    await admin.execute(
        "CREATE TABLE console_runs (id text, kind text, state text, done bigint, total bigint, holder text,"
        " since timestamptz, why text)"
    )
    await admin.execute("INSERT INTO console_runs VALUES ($1, $2, $3, $4, $5, $6, $7, '')", *_row(RUN))
    assert await postgres_runs(client) == (RUN,)
    await admin.execute("ALTER TABLE console_runs DROP COLUMN why")
    with pytest.raises(NotThere):
        await postgres_runs(client)
    await admin.close()
    await client.aclose()


def _row(run: Run) -> tuple[object, ...]:
    return run.id, run.kind, run.state, run.done, run.total, run.holder, run.since
