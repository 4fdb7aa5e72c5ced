"""Ending what others run, on real servers: the right one, only it, only through the gate, and on record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pymongo import MongoClient as SyncMongoClient
from pymongo.errors import PyMongoError

from backends.clients.errors import AccessDenied, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, mongo_targets
from backends.pools.acts import PoolActs, Verb
from backends.pools.service import PoolsService
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from console.demo.servers import MongoServer
from tests.backends.pools.conftest import QUICK, Build
from tests.backends.pools.test_postgres_server import session
from tests.backends.pools.test_sessions import sessions_of
from tests.waiting import until

YES = Consent("screen", explicit=True)


@pytest.fixture
def trail(tmp_path: Path) -> AuditTrail:
    return AuditTrail(tmp_path / "state")


@pytest.fixture
def arming() -> Arming:
    """Armed, until a test disarms it."""
    arming = Arming()
    arming.arm()
    return arming


@pytest.fixture
def gate(trail: AuditTrail, arming: Arming) -> Gate:
    return Gate(trail, this_author("demo", "development", "olorin test"), arming, production=False)


def recorded(trail: AuditTrail) -> str:
    """The acts and their outcomes in the audit log's own text."""
    return trail.path.read_text()


def on(url: str, gate: Gate) -> tuple[PoolActs, PostgresClient]:
    client = PostgresClient(PostgresTarget(url, "CHUNKS_DATABASE_URL"), QUICK)
    return PoolActs(MongoClients(mongo_targets({}), QUICK), [client], gate), client


async def test_a_statement_is_cancelled_and_its_connection_stays(
    build: Build, postgres_database: str, gate: Gate, trail: AuditTrail
) -> None:
    service, (acts, _) = build(chunks=postgres_database), on(postgres_database, gate)
    async with session(postgres_database, "sleeper") as sleeper, session(postgres_database, "other") as other:
        sleeping = asyncio.create_task(sleeper.execute("SELECT pg_sleep(60) /* hunter22 */"))
        bystander = asyncio.create_task(other.execute("SELECT pg_sleep(60)"))
        found = await sessions_of(service, "sleeper", "other")
        change = acts.plan(Verb.CANCEL, service.places[0], found["sleeper"])
        assert "cancelled" in change.effect
        await acts.carry_out(change, YES)
        with pytest.raises(asyncpg.QueryCanceledError):
            await sleeping
        assert await sleeper.fetchval("SELECT 1") == 1
        assert not bystander.done()
        bystander.cancel()
    log = recorded(trail)
    assert "pools.cancel" in log
    assert "pg_sleep(60)" in log
    assert '"done"' in log


async def test_a_connection_is_terminated_and_its_transaction_rolled_back(
    build: Build, postgres_database: str, gate: Gate
) -> None:
    service, (acts, _) = build(chunks=postgres_database), on(postgres_database, gate)
    async with session(postgres_database, "holder") as holder, session(postgres_database, "waiter") as waiter:
        await holder.execute("CREATE TABLE t (a int)")
        await holder.execute("BEGIN; INSERT INTO t VALUES (1); LOCK TABLE t")
        waiting = asyncio.create_task(waiter.fetchval("SELECT count(*) FROM t"))
        found = await sessions_of(service, "holder", "waiter")
        others = (await service.server(service.places[0])).sessions
        with pytest.raises(Refused, match="runs nothing"):
            acts.plan(Verb.CANCEL, service.places[0], found["holder"])
        change = acts.plan(Verb.TERMINATE, service.places[0], found["holder"], others)
        assert change.behind == 1
        await acts.carry_out(change, YES)
        assert await waiting == 0
        await until(holder.is_closed)


async def test_another_under_the_same_number_is_spared(
    build: Build, postgres_database: str, gate: Gate, trail: AuditTrail
) -> None:
    """The pid is right, but its backend began at another time: nothing is sent, and that is on record."""
    service, (acts, _) = build(chunks=postgres_database), on(postgres_database, gate)
    async with session(postgres_database, "innocent") as innocent:
        await innocent.execute("BEGIN")
        seen = (await sessions_of(service, "innocent"))["innocent"]
        earlier = replace(seen, started="2026-01-01T00:00:00+00:00")
        with pytest.raises(NotThere, match="Nothing was sent"):
            await acts.carry_out(acts.plan(Verb.TERMINATE, service.places[0], earlier), YES)
        assert await innocent.fetchval("SELECT 1") == 1
    assert '"failed"' in recorded(trail)


async def test_a_database_that_lets_us_in_stands_for_one_that_does_not(
    build: Build, postgres_database: str, gate: Gate
) -> None:
    """The first of two databases on the server is gone: what is seen through the second is ended through it too."""
    gone = urlsplit(postgres_database)._replace(path="/no_such_database").geturl()
    service = build(bots=gone, chunks=postgres_database)
    clients = [PostgresClient(PostgresTarget(url, "X"), QUICK) for url in (gone, postgres_database)]
    acts = PoolActs(MongoClients(mongo_targets({}), QUICK), clients, gate)
    async with session(postgres_database, "sleeper") as sleeper:
        sleeping = asyncio.create_task(sleeper.execute("SELECT pg_sleep(60)"))
        seen = (await sessions_of(service, "sleeper"))["sleeper"]
        await acts.carry_out(acts.plan(Verb.CANCEL, service.places[0], seen), YES)
        with pytest.raises(asyncpg.QueryCanceledError):
            await sleeping


async def test_unarmed_nothing_is_sent(build: Build, postgres_database: str, gate: Gate, arming: Arming) -> None:
    service, (acts, client) = build(chunks=postgres_database), on(postgres_database, gate)
    arming.disarm()
    async with session(postgres_database, "safe") as safe:
        await safe.execute("BEGIN")
        seen = (await sessions_of(service, "safe"))["safe"]
        with pytest.raises(Refused, match="read-only"):
            await acts.carry_out(acts.plan(Verb.TERMINATE, service.places[0], seen), YES)
        assert await safe.fetchval("SELECT 1") == 1
    assert client.pool_count().opened == 0


async def test_the_missing_grant_is_named(build: Build, postgres_database: str, gate: Gate) -> None:
    service, parts = build(chunks=postgres_database), urlsplit(postgres_database)
    async with session(postgres_database, "admin") as admin:
        await admin.execute("CREATE ROLE peon LOGIN PASSWORD 'pw-of-peon'")
        try:
            url = parts._replace(netloc=f"peon:pw-of-peon@{parts.hostname}:{parts.port}").geturl()
            acts, _ = on(url, gate)
            for grant, missing in (
                ("SELECT 1", "pg_read_all_stats"),
                ("GRANT pg_read_all_stats TO peon", "pg_signal_backend"),
            ):
                await admin.execute(grant)
                await admin.execute("BEGIN")
                seen = (await sessions_of(service, "admin"))["admin"]
                with pytest.raises(AccessDenied) as denied:
                    await acts.carry_out(acts.plan(Verb.TERMINATE, service.places[0], seen), YES)
                assert f"GRANT {missing}" in denied.value.hint
                await admin.execute("COMMIT")
        finally:
            await admin.execute("DROP OWNED BY peon; DROP ROLE peon")


async def test_a_mongo_operation_is_killed_and_only_it(
    build: Build, mongo_url: str, gate: Gate, trail: AuditTrail
) -> None:
    service: PoolsService = build(mongo=mongo_url)
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url}), QUICK)
    acts = PoolActs(clients, [], gate)
    connections = [
        await asyncio.to_thread(_used, SyncMongoClient(mongo_url, appname=name, maxPoolSize=1, retryReads=False))
        for name in ("victim", "spared")
    ]
    found = await sessions_of(service, "victim", "spared")
    wrong = replace(found["victim"], started="999 10.0.0.1:1")
    with pytest.raises(NotThere):
        await acts.carry_out(acts.plan(Verb.KILL, service.places[0], wrong), YES)
    await acts.carry_out(acts.plan(Verb.TERMINATE, service.places[0], found["victim"]), YES)
    victim, spared = connections
    with pytest.raises(PyMongoError):
        await asyncio.to_thread(victim["test"]["things"].find_one)
    assert await asyncio.to_thread(spared["test"]["things"].find_one) is None
    assert "pools.kill" in recorded(trail)
    await clients.aclose()
    for connection in connections:
        connection.close()


async def test_the_missing_role_is_named(build: Build, gate: Gate, tmp_path: Path) -> None:
    """On a Mongo with users: who may watch may not kill."""
    data = tmp_path / "data"
    async with MongoServer(data) as server:
        with SyncMongoClient[dict[str, Any]](server.url) as admin:
            admin.admin.command("createUser", "watcher", pwd="correct-horse", roles=["clusterMonitor"])
            admin.admin.command("createUser", "worker", pwd="correct-horse", roles=["readWriteAnyDatabase"])
    async with MongoServer(data, flags=["--auth"], durable=False) as server:
        worker, watcher = (server.url.replace("//", f"//{user}:correct-horse@") for user in ("worker", "watcher"))
        service = build(mongo=watcher)
        clients = MongoClients(mongo_targets({"MONGODB_URI": watcher}), QUICK)
        with SyncMongoClient[dict[str, Any]](worker, appname="victim", maxPoolSize=1) as victim:
            await asyncio.to_thread(_used, victim)
            found = await sessions_of(service, "victim")
            acts = PoolActs(clients, [], gate)
            with pytest.raises(AccessDenied) as denied:
                await acts.carry_out(acts.plan(Verb.KILL, service.places[0], found["victim"]), YES)
            assert "hostManager" in denied.value.hint
            assert await asyncio.to_thread(victim["test"]["things"].find_one) is None
        await clients.aclose()


def _used(client: SyncMongoClient[dict[str, Any]]) -> SyncMongoClient[dict[str, Any]]:
    client["test"]["things"].find_one()
    return client
