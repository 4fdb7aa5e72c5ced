"""Mongo clients on a real server: one for all roles on it, reading only, and every failure said in words."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    CannotConnect,
    DeadlineExceeded,
    NotConfigured,
    WriteRefused,
)
from backends.clients.mongo import MongoClients
from backends.clients.naming import application_name
from backends.clients.targets import WATCHING, PoolLimits, Role, mongo_targets
from console.demo.servers import MongoServer
from tests.faults.freeze import frozen
from tests.faults.proxy import proxy_to

QUICK = PoolLimits(max=2, min=0, wait_s=0.5, connect_s=1.0, selection_s=1.0)


def separated(url: str, database: str) -> dict[str, str]:
    return {
        "MONGODB_URI": url,
        "MONGODB_DB_NAME": database,
        "OLORIN_USE_SEPARATE_DATABASE": "true",
        "OLORIN_MONGODB_DB_NAME": f"{database}_olorin",
    }


async def ping(clients: MongoClients, role: Role = Role.MAIN) -> str:
    async with clients.reading(role) as database:
        await database.command("ping")
        return database.name


DEAD_AND_ALIVE = """
import asyncio, sys
from backends.clients.errors import CannotConnect
from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, Role, mongo_targets

async def ping(clients, role):
    async with clients.reading(role) as database:
        await database.command("ping")

async def main():
    variables = {"MONGODB_URI": "mongodb://127.0.0.1:1", "OLORIN_MONGODB_URL": sys.argv[1]}
    clients = MongoClients(mongo_targets({**variables, "OLORIN_USE_SEPARATE_DATABASE": "true"}), WATCHING)
    dead = [asyncio.create_task(ping(clients, Role.MAIN)) for _ in range(30)]
    await asyncio.sleep(0)
    await ping(clients, Role.OLORIN)
    assert not any(each.done() for each in dead)
    for each in dead:
        each.cancel()
    print("alive")
    sys.stdout.flush()
    import os
    os._exit(0)

asyncio.run(main())
"""


def test_a_dead_server_does_not_hold_up_one_that_lives(mongo_url: str) -> None:
    """In a process of its own, which has not imported motor yet."""
    command = [sys.executable, "-c", DEAD_AND_ALIVE, mongo_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "alive\n", done.stderr


async def test_three_roles_on_one_server_share_two_connections_with_our_name(
    mongo_url: str, mongo_database: str
) -> None:
    clients = MongoClients(mongo_targets(separated(mongo_url, mongo_database)), WATCHING)
    names = await asyncio.gather(*(ping(clients, role) for role in Role for _ in range(20)))
    assert set(names) == {mongo_database, f"{mongo_database}_olorin"}
    count = clients.pool_counts()[Role.OLORIN]
    assert count.opened <= 2
    assert (count.active, count.waiting, count.max) == (0, 0, 2)
    with MongoClient[dict[str, Any]](mongo_url) as other:
        operations = other.admin.command({"currentOp": 1, "$all": True})["inprog"]
    ours = [
        each
        for each in operations
        if each.get("clientMetadata", {}).get("application", {}).get("name") == application_name()
    ]
    assert 1 <= len(ours) <= 2 + 1  # and one that monitors
    await clients.aclose()


async def test_reading_reads_and_nothing_writes(mongo_url: str, mongo_database: str) -> None:
    with MongoClient[dict[str, Any]](mongo_url) as writer:
        writer[mongo_database]["things"].insert_many([{"_id": n} for n in range(5)])
    clients = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    async with clients.reading(Role.MAIN) as database:
        things = database["things"]
        assert await things.count_documents({}) == 5
        assert await things.find_one({"_id": 3}) == {"_id": 3}
        assert len(await things.find().to_list(None)) == 5
        assert await database.list_collection_names() == ["things"]
        assert not {"insert_one", "update_one", "delete_one", "drop", "bulk_write"} & set(dir(things))
        for stage in ({"$out": "x"}, {"$merge": "x"}):
            with pytest.raises(WriteRefused):
                things.aggregate([stage])
        for command in ("insert", "drop", "dropDatabase", "findAndModify", "createIndexes", "eval"):
            with pytest.raises(WriteRefused):
                await database.command(command, "things")
    await clients.aclose()


async def test_an_unreachable_server_is_said_with_its_masked_place() -> None:
    url = "mongodb://ops:hunter22@127.0.0.1:9/"
    clients = MongoClients(mongo_targets({"MONGODB_URI": url}), QUICK)
    with pytest.raises(CannotConnect) as caught:
        await ping(clients)
    assert "hunter22" not in f"{caught.value.where} {caught.value.message} {caught.value.hint}"
    assert "127.0.0.1:9" in caught.value.where
    assert "MONGODB_URI" in caught.value.hint
    await clients.aclose()


@pytest.mark.parametrize("url", ["mongodb://", "http://db/", "mongodb://h:notaport/", "nonsense"])
async def test_a_wrong_url_is_said_and_not_raised_as_the_drivers_own(url: str) -> None:
    clients = MongoClients(mongo_targets({"MONGODB_URI": url}), QUICK)
    with pytest.raises(BackendError):
        await ping(clients)
    await clients.aclose()


async def test_nothing_configured() -> None:
    with pytest.raises(NotConfigured):
        await ping(MongoClients(mongo_targets({}), QUICK))


async def test_a_refused_password_is_access_denied(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "data", flags=["--auth"], durable=False) as server:
        url = f"mongodb://ops:wrong-password@127.0.0.1:{server.port}/"
        clients = MongoClients(mongo_targets({"MONGODB_URI": url}), QUICK)
        with pytest.raises(AccessDenied) as caught:
            await ping(clients)
        assert "wrong-password" not in str(caught.value)
        await clients.aclose()


async def test_a_frozen_server_meets_the_deadline_and_is_found_again(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        clients = MongoClients(mongo_targets({"MONGODB_URI": server.url}), QUICK)
        await until_answered(clients)
        with frozen(server.pid), pytest.raises((DeadlineExceeded, CannotConnect)):
            await ping(clients)
        assert await until_answered(clients) == "bayit_plus"
        await clients.aclose()


async def test_a_cut_connection_is_found_again(mongo_url: str) -> None:
    host, port = mongo_url.removeprefix("mongodb://").strip("/").split("@")[-1].split(":")
    async with proxy_to(host, int(port)) as proxy:
        url = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        clients = MongoClients(mongo_targets({"MONGODB_URI": url}), QUICK)
        await until_answered(clients)
        proxy.cut()
        with pytest.raises(BackendError):
            await ping(clients)
        proxy.restore()
        await until_answered(clients)
        await clients.aclose()


async def test_a_certificate_that_is_not_there_is_told() -> None:
    clients = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://127.0.0.1:1/?tlsCAFile=/no/such.pem"}), QUICK)
    with pytest.raises(CannotConnect, match=r"/no/such\.pem"):
        await ping(clients)
    await clients.aclose()


async def until_answered(clients: MongoClients) -> str:
    """Asks until there is an answer; the driver's own deadlines make each attempt end."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await ping(clients)
            except BackendError:
                continue
