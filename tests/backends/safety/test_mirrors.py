"""Audit entries beside what they changed, in real databases."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from backends.clients.errors import CannotConnect
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PoolLimits, PostgresTarget, Role, mongo_targets
from backends.safety.audit import AuditTrail
from backends.safety.gate import Act, Consent, Gate
from backends.safety.mirrors import AUDIT, MongoMirror, PostgresMirror

FLAG = Consent("command", explicit=True)
QUICK = PoolLimits(max=2, min=0, wait_s=0.5, connect_s=1.0, selection_s=1.0)


async def test_mongo_holds_what_the_log_holds(
    mongo_url: str, mongo_database: str, gate: Gate, trail: AuditTrail
) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    act = Act("toy.write", mongo.target(Role.MAIN).where, run_id="r1")
    async with gate.act(act, FLAG, mirror=MongoMirror(mongo, Role.MAIN)) as token:
        token.outcome(moved=3)
    await mongo.aclose()
    with MongoClient[dict[str, Any]](mongo_url) as client:
        kept = list(client[mongo_database][AUDIT].find({}, sort=[("n", 1)]))
    assert [{key: value for key, value in each.items() if key != "_id"} for each in kept] == list(trail.read().entries)


async def test_postgres_holds_what_the_log_holds(postgres_database: str, gate: Gate, trail: AuditTrail) -> None:
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    mirror = PostgresMirror(client)
    act = Act("toy.write", client.target.where, run_id="r1")

    async def once() -> None:
        async with gate.act(act, FLAG, mirror=mirror) as token:
            token.outcome(moved=3)

    await asyncio.gather(once(), once(), once())
    connection = await asyncpg.connect(postgres_database)
    rows = await connection.fetch(f"SELECT entry FROM {AUDIT} ORDER BY (entry->>'n')::int")
    await connection.close()
    await client.aclose()
    assert [json.loads(row["entry"]) for row in rows] == list(trail.read().entries)
    assert len(rows) == 6


async def test_where_the_intent_cant_be_mirrored_nothing_is_done(gate: Gate, trail: AuditTrail) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://127.0.0.1:9/"}), QUICK)
    act = Act("toy.write", mongo.target(Role.MAIN).where)
    with pytest.raises(CannotConnect):
        async with gate.act(act, FLAG, mirror=MongoMirror(mongo, Role.MAIN)):
            pytest.fail("it passed")
    assert trail.read().entries[-1]["outcome"] == "failed"
    await mongo.aclose()
