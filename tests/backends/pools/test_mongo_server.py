"""A Mongo server's own numbers, with real clients of several applications on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from backends.clients.errors import AccessDenied
from backends.pools.groups import by_app
from backends.pools.model import Server
from backends.pools.mongo_groups import GROUPED, grouped, groups
from backends.pools.report import report
from backends.pools.rules import state_of
from backends.pools.service import PoolsService
from backends.safety.text import display_text
from backends.sampling.state import State
from console.cli.pools import problems
from console.demo.servers import MongoServer
from screens.pools_parts import latency_lines
from tests.backends.pools.conftest import Build, app, mongo_app
from tests.nasty import NASTY

NAMES = {name: text for name, text in NASTY.items() if 0 < len(text.encode("utf-8", "replace")) <= 128}
SENDABLE = {name: text for name, text in NAMES.items() if "\ud800" not in text}
"""What the protocol lets a client call itself."""


async def settled(service: PoolsService) -> Server:
    """The server, once its list and its total, which it tells one after the other, are of one moment."""
    async with asyncio.timeout(20):
        while True:
            server = await service.server(service.places[0])
            if sum(each.total for each in server.by_app) == server.current:
                return server


async def test_connections_by_application_add_up_to_the_servers_total(build: Build, mongo_url: str) -> None:
    service = build(mongo=mongo_url)
    async with mongo_app(mongo_url, "bayit-api", 5), mongo_app(mongo_url, "embedder", 3):
        async with asyncio.timeout(20):
            while True:
                server = await settled(service)
                if {("bayit-api", 5), ("embedder", 3)} <= {(each.app, each.total) for each in server.by_app}:
                    break
        assert app(server, "bayit-api").hosts == ("127.0.0.1",)
        assert app(server, "bayit-api").drivers[0].startswith("PyMongo")
        with MongoClient[dict[str, Any]](mongo_url) as other:
            assert abs(other.admin.command("serverStatus")["connections"]["current"] - (server.current or 0)) <= 3


async def test_what_the_server_does_not_tell_is_not_zero(build: Build, tmp_path: Path) -> None:
    """The embedded server tells no limit, and not which connections are active: null, never 0."""
    async with MongoServer(tmp_path / "data", durable=False) as server:
        snapshot = await build(mongo=server.url).sample(probe=False)
    shown = report(snapshot)["servers"][0]
    assert shown["limit"] is None
    assert {each["active"] for each in shown["by_app"]} == {None}
    assert {each["idle"] for each in shown["by_app"]} == {None}
    assert sum(each["other"] for each in shown["by_app"]) > 0


async def test_nameless_connections_have_a_row_of_their_own(build: Build, mongo_url: str) -> None:
    service = build(mongo=mongo_url)
    async with mongo_app(mongo_url, None, 4), mongo_app(mongo_url, "None", 2):
        async with asyncio.timeout(20):
            while True:
                server = await settled(service)
                found = {each.app: each.total for each in server.by_app}
                if found.get(None, 0) >= 4 and found.get("None") == 2:
                    break
        assert app(server, None).drivers


async def test_hostile_names_are_harmless(build: Build, mongo_url: str) -> None:
    service = build(mongo=mongo_url)
    async with AsyncExitStack() as stack:
        for text in SENDABLE.values():
            await stack.enter_async_context(mongo_app(mongo_url, text, 2))
        server = await service.server(service.places[0])
    names = [each.app or "" for each in server.by_app]
    expected = {display_text(text.strip(), 128) for text in SENDABLE.values()}
    assert expected <= set(names)
    assert len(SENDABLE) > 15
    assert not [name for name in names if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in name)]


def operation(app: str | None = None, **fields: Any) -> dict[str, Any]:
    """An entry as mongod lists it: `active` is true, and time runs, only while a command does."""
    metadata = {"driver": {"name": "nodejs|Mongoose", "version": "6.1.0"}}
    entry: dict[str, Any] = {
        "connectionId": 7, "client": "10.0.0.5:40112", "active": False, "clientMetadata": metadata, "desc": "conn7",
    }  # fmt: skip
    return {**entry, **({"appName": app} if app else {}), **fields}


LISTED = [
    operation("api", active=True, microsecs_running=125, command={"find": "content"}),
    operation("api", client="[2001:db8::7]:5000"),
    operation("api", active=True, microsecs_running=9_000_000, command={"hello": 1, "maxAwaitTimeMS": 10_000}),
    operation(None, client="10.0.0.9:1"),
    {"desc": "JournalFlusher", "active": True, "microsecs_running": 5},
]


@pytest.fixture
def by_server(mongo_url: str, mongo_database: str) -> Iterator[list[dict[str, Any]]]:
    """The same entries, grouped by the stages that a server runs after its `$currentOp`."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        operations = client[mongo_database]["operations"]
        operations.insert_many([dict(each) for each in LISTED])
        yield list(operations.aggregate(list(GROUPED)))


def test_grouping_by_the_server_and_by_us_agree(by_server: list[dict[str, Any]]) -> None:
    ours, theirs = by_app(groups(grouped(LISTED))), by_app(groups(by_server))
    assert ours == theirs
    api, nameless = ours
    assert (api.app, api.active, api.idle, api.other) == ("api", 1, 1, 1)
    assert api.hosts == ("10.0.0.5", "2001:db8::7")
    assert api.drivers == ("nodejs+Mongoose 6.1.0",)
    assert [(each.host, each.driver, each.n) for each in api.origins] == [
        ("10.0.0.5", "nodejs+Mongoose 6.1.0", 2), ("2001:db8::7", "nodejs+Mongoose 6.1.0", 1),
    ]  # fmt: skip
    assert (nameless.app, nameless.active, nameless.idle, nameless.total) == (None, 0, 1, 1)


def test_a_server_that_measures_no_time_does_not_tell_who_is_active() -> None:
    entries = [operation("api", active=True, microsecs_running=0), operation("api", active=True)]
    api = by_app(groups(grouped(entries)))[0]
    assert (api.active, api.idle, api.other) == (None, None, 2)


@pytest.mark.parametrize("nonsense", [{}, {"connectionId": 1, "client": None, "clientMetadata": 5, "command": []}])
def test_entries_without_sense_are_survived(nonsense: dict[str, Any]) -> None:
    assert sum(group.total for group in groups(grouped([nonsense]))) == len(nonsense) // 4


async def test_a_missing_privilege_is_named(build: Build, tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with MongoServer(data) as server:
        with MongoClient[dict[str, Any]](server.url) as client:
            for user, role in (("reader", {"role": "read", "db": "bayit_plus"}), ("watcher", "clusterMonitor")):
                client.admin.command("createUser", user, pwd="correct-horse", roles=[role])
    async with MongoServer(data, flags=["--auth"], durable=False) as server:
        reader, watcher = (build(mongo=server.url.replace("//", f"//{user}:correct-horse@")) for user in USERS)
        with pytest.raises(AccessDenied) as denied:
            await reader.server(reader.places[0])
        assert "clusterMonitor" in denied.value.hint
        assert "correct-horse" not in f"{denied.value.message}{denied.value.where}{denied.value.hint}"
        seen = await watcher.server(watcher.places[0])
        assert seen.notes == ()
        assert sum(each.total for each in seen.by_app) >= 2
        # Who may watch the server may still not read the contents.
        snapshot = await watcher.sample()
        assert snapshot.latency.problem is not None
        assert snapshot.latency.problem.hint.endswith("grant the role read on bayit_plus.")
        assert state_of(snapshot) is State.NO_DATA
        said = [line for line in problems(snapshot) if "grant the role read on bayit_plus" in line]
        assert len(said) == 1
        assert any("grant the role read" in str(part) for line in latency_lines(snapshot.latency) for part in line)


USERS = ("reader", "watcher")
