"""What servers say to the configuration: real ones, some of them gone, silent or refusing."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from backends.clients.http import HttpClient
from backends.clients.model import ModelClient, model_target
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, mongo_targets, postgres_target
from backends.config.health import take_snapshot, with_findings
from backends.config.model import ConfigSnapshot, Finding, Flag, Status
from backends.config.mongo_connections import Connections, about_connections
from backends.config.mongo_reality import main_server_pools
from backends.config.reality import STATE_FOLDER, Servers, ask
from backends.config.rules_needed import MIGRATE_FIRST, ONE_DATABASE, SEPARATE, TARGET_SILENT
from backends.config.sources import Sources
from backends.config.values import read_values
from console.demo.servers import MongoServer
from screens.config_parts import details
from tests.backends.config.serving import serving
from tests.backends.pools.conftest import mongo_app
from widgets.tone import plain_text

QUICK = PoolLimits(max=1, min=0, wait_s=2.0, connect_s=2.0, selection_s=1.0)
NOBODY = "127.0.0.1:1"


@asynccontextmanager
async def servers_of(environment: Mapping[str, str], state: Path) -> AsyncIterator[Servers]:
    """Clients of what the variables name."""
    servers = Servers(
        MongoClients(mongo_targets(environment), QUICK),
        PostgresClient(postgres_target(environment, "ORCHESTRATION_DATABASE_URL", "bots"), QUICK),
        PostgresClient(postgres_target(environment, "CHUNKS_DATABASE_URL", "chunks"), QUICK),
        ModelClient(model_target(environment)),
        HttpClient(connect_s=1.0, answer_s=1.0),
        state,
    )
    yield servers
    for client in (servers.mongo, servers.orchestration, servers.chunks, servers.model, servers.http):
        await client.aclose()


async def answers(environment: Mapping[str, str], deadline_s: float = 10.0, state: Path | None = None) -> list[Finding]:
    async with servers_of(environment, state or Path(tempfile.gettempdir())) as servers:
        return list(await ask(servers, read_values(Sources(environment)), deadline_s))


def about(findings: list[Finding], id_: str) -> list[Finding]:
    return [finding for finding in findings if finding.id == id_]


@pytest.fixture
def variables(mongo_url: str, mongo_database: str) -> dict[str, str]:
    """The main database alone, on the real server."""
    return {
        "MONGODB_URI": mongo_url,
        "MONGODB_DB_NAME": mongo_database,
        "OLORIN_MONGODB_DB_NAME": f"{mongo_database}_olorin",
    }


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Any:
    with MongoClient[dict[str, Any]](mongo_url) as client:
        yield client[mongo_database]
        client.drop_database(f"{mongo_database}_olorin")


async def test_nothing_configured_asks_nobody() -> None:
    assert await answers({}) == []


async def test_an_empty_main_database_is_a_warning(variables: dict[str, str]) -> None:
    found = await answers(variables)
    assert [each.status for each in about(found, "servers.mongo.main")] == [Status.OK]
    assert about(found, "platform.mongodb_db_name")[0].status is Status.WARN


async def test_a_ttl_index_with_two_keys_is_a_warning(
    variables: dict[str, str], database: Database[dict[str, Any]]
) -> None:
    database.content.insert_one({"_id": ObjectId()})
    database.content.create_index([("deleted_at", 1), ("expireAfterSeconds", 1)], name="bad")
    database.live_channels.create_index("deleted_at", expireAfterSeconds=2592000)
    [finding] = about(await answers(variables), "servers.mongo.main.indexes")
    assert finding.status is Status.WARN
    assert "content: the index bad" in finding.message


@pytest.mark.parametrize(
    ("on", "left", "status", "rule"),
    [
        ("true", True, Status.FAIL, MIGRATE_FIRST),
        ("true", False, Status.WARN, "target not empty"),
        ("false", True, Status.OK, MIGRATE_FIRST),
    ],
)
async def test_the_separation_on_while_its_database_is_empty(
    on: str, left: bool, status: Status, rule: str, variables: dict[str, str], database: Database[dict[str, Any]]
) -> None:
    if left:
        database.integration_partners.insert_one({"partner_id": "acme"})
    found = await answers({**variables, "OLORIN_USE_SEPARATE_DATABASE": on})
    assert [(each.status, each.rule) for each in about(found, SEPARATE)] == [(status, rule)]


async def test_the_separation_on_and_filled(variables: dict[str, str], database: Database[dict[str, Any]]) -> None:
    beside = database.client[variables["OLORIN_MONGODB_DB_NAME"]]
    beside.usage_records.insert_one({"partner_id": "acme"})
    found = await answers({**variables, "OLORIN_USE_SEPARATE_DATABASE": "true"})
    assert about(found, SEPARATE) == []
    assert "1 of 7 collections" in about(found, "servers.mongo.olorin")[0].message


@pytest.mark.parametrize(("asked", "safe"), [(False, None), (True, True)])
async def test_a_flag_that_is_off_is_safe_only_once_its_server_was_asked(
    asked: bool, safe: bool | None, variables: dict[str, str], database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    """OLORIN_MONGODB_URL leads to a server of its own, which answers once it is asked, and is gone in the end."""
    database.content.insert_one({"_id": ObjectId()})
    async with MongoServer(tmp_path / "data", durable=False) as server:
        environment = {**variables, "OLORIN_USE_SEPARATE_DATABASE": "false", "OLORIN_MONGODB_URL": server.url}
        before = take_snapshot(Sources(environment), {})
        there = with_findings(before, await answers(environment) if asked else ())
    gone = with_findings(before, await answers(environment) if asked else ())
    assert separation(there).safe is safe
    assert not separation(there).missing
    assert separation(gone).safe is (False if asked else None)
    assert [each.rule for each in separation(gone).missing] == ([TARGET_SILENT] if asked else [])
    words = {None: "? not checked", False: "✖ not safe to turn on", True: "● safe to turn on"}
    for snapshot in (there, gone):
        told = "\n".join(map(plain_text, details(snapshot, SEPARATE)))
        assert words[separation(snapshot).safe] in told


def separation(snapshot: ConfigSnapshot) -> Flag:
    return next(each for each in snapshot.flags if each.id == SEPARATE)


@pytest.mark.parametrize(("on", "status"), [("true", Status.FAIL), ("false", Status.OK)])
async def test_one_database_under_two_names_of_its_server(
    on: str, status: Status, variables: dict[str, str], database: Database[dict[str, Any]]
) -> None:
    """localhost beside 127.0.0.1: the URLs share no host, and the server process is one."""
    database.usage_records.insert_one({"partner_id": "acme"})
    port = urlsplit(variables["MONGODB_URI"]).port
    elsewhere = {"OLORIN_USE_SEPARATE_DATABASE": on, "OLORIN_MONGODB_URL": f"mongodb://localhost:{port}/"}
    environment = {**variables, **elsewhere, "OLORIN_MONGODB_DB_NAME": database.name}
    found = await answers(environment)
    [same] = [each for each in about(found, SEPARATE) if each.rule == ONE_DATABASE]
    assert same.status is status
    assert separation(with_findings(take_snapshot(Sources(environment), {}), found)).safe is False
    [pools] = about(found, "olorin.database.mongodb_url")
    assert (pools.rule, pools.status) == ("one server, two pools", Status.WARN)


async def test_two_servers_are_not_taken_for_one(
    variables: dict[str, str], database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        other = {"OLORIN_USE_SEPARATE_DATABASE": "true", "OLORIN_MONGODB_URL": server.url}
        found = await answers({**variables, **other, "OLORIN_MONGODB_DB_NAME": database.name})
    assert ONE_DATABASE not in {each.rule for each in found}
    assert about(found, "olorin.database.mongodb_url") == []


async def test_the_known_clients_are_counted_by_their_names(variables: dict[str, str], mongo_url: str) -> None:
    """A server that tells no limit says so; this console and nameless clients are none of the platform's."""
    before = about(await answers(variables), "servers.mongo.connections")[0]
    assert (before.status, "limit not told" in before.message) == (Status.OK, True)
    async with mongo_app(mongo_url, "bayit-api", 3), mongo_app(mongo_url, "embedder", 2), mongo_app(mongo_url, None, 2):
        [found] = about(await answers(variables), "servers.mongo.connections")
    assert known(found) == known(before) + 2


def known(finding: Finding) -> int:
    return int(finding.message.partition("; ")[2].partition(" known")[0])


@pytest.mark.parametrize(
    ("found", "status"), [((449, 3), "warn"), ((450, 3), "ok"), ((149, 0), "warn"), ((150, 0), "ok")]
)
def test_known_clients_times_their_pools_fit_the_limit(found: tuple[int, int], status: str) -> None:
    assert about_connections(Connections(*found), 150).status.value == status


async def test_postgres_versions_and_limits(postgres_url: str) -> None:
    many = {"ORCHESTRATION_DATABASE_URL": postgres_url, "CHUNKS_DATABASE_URL": postgres_url, "WORKERS": "100"}
    found = await answers(many)
    assert [each.status for each in about(found, "servers.postgres.chunks")] == [Status.OK]
    [pools] = about(found, "orchestration.database_pool_size")
    assert (pools.status, "3,000 connections" in pools.message) == (Status.WARN, True)
    assert about(await answers({**many, "WORKERS": "1"}), "orchestration.database_pool_size") == []


async def test_a_postgres_that_is_too_old(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.config.reality.OLDEST_POSTGRES", 990_000)
    [found] = about(await answers({"CHUNKS_DATABASE_URL": postgres_url}), "servers.postgres.chunks")
    assert (found.status, found.rule) == (Status.FAIL, "server version")


@pytest.mark.parametrize(
    ("status", "body", "id_", "judged"),
    [
        (401, '{"error": {"message": "Incorrect API key"}}', "drafting.openai_api_key", Status.FAIL),
        (403, '{"error": {"message": "Missing scopes: api.model.read"}}', "servers.model", Status.WARN),
        (200, '{"object": "list", "data": [{"id": "other", "object": "model"}]}', "drafting.openai_model", Status.WARN),
    ],
)
async def test_the_models_list_tells_of_key_and_model(status: int, body: str, id_: str, judged: Status) -> None:
    async with serving(status, body, "/v1/models") as url:
        found = await answers({"OPENAI_API_KEY": "sk-hunter22-hunter22", "OPENAI_BASE_URL": f"{url}/v1"})
    assert [each.status for each in about(found, id_)] == [judged]
    assert not [each for each in found if "hunter22" in each.message]


async def test_a_database_that_is_not_there_is_the_configurations_fault(postgres_url: str) -> None:
    url = urlsplit(postgres_url)._replace(path="/no_such_database").geturl()
    found = await answers({"CHUNKS_DATABASE_URL": url})
    assert [each.status for each in about(found, "console.chunks_database_url")] == [Status.FAIL]


async def test_servers_that_are_gone_are_warnings_and_hide_no_other(
    variables: dict[str, str], postgres_url: str
) -> None:
    gone = {
        "OLORIN_USE_SEPARATE_DATABASE": "true",
        "OLORIN_MONGODB_URL": f"mongodb://{NOBODY}/",
        "ORCHESTRATION_DATABASE_URL": f"postgresql://ops:hunter22@{NOBODY}/bots",
        "CHUNKS_DATABASE_URL": postgres_url,
        "OPENAI_API_KEY": "sk-hunter22-hunter22",
        "OPENAI_BASE_URL": f"http://{NOBODY}/v1",
        "ORCHESTRATION_URL": f"http://{NOBODY}",
    }
    found = await answers({**variables, **gone})
    status = {each.id: each.status for each in found if each.id.startswith("servers.")}
    assert status == {
        "servers.mongo.main": Status.OK,
        "servers.mongo.connections": Status.OK,
        "servers.mongo.olorin": Status.WARN,
        "servers.postgres.orchestration": Status.WARN,
        "servers.postgres.chunks": Status.OK,
        "servers.model": Status.WARN,
        "servers.orchestration": Status.WARN,
    }
    assert not [each for each in found if each.status is Status.FAIL or "hunter22" in each.message]


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""

    taken: list[asyncio.StreamWriter] = []

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in taken:
            writer.transport.abort()


async def test_silent_servers_cost_one_deadline_together() -> None:
    async with silent() as address:
        started = time.monotonic()
        found = await answers(
            {
                "MONGODB_URI": f"mongodb://{address}/",
                "ORCHESTRATION_DATABASE_URL": f"postgresql://{address}/bots",
                "CHUNKS_DATABASE_URL": f"postgresql://{address}/chunks",
                "OPENAI_API_KEY": "sk-0123456789",
                "OPENAI_BASE_URL": f"http://{address}/v1",
            },
            deadline_s=2.0,
        )
        took = time.monotonic() - started
    assert {each.status for each in found} == {Status.WARN}
    assert len(found) == 4
    assert took < 7.0, "one after the other they would take eight seconds"


@pytest.mark.parametrize(
    ("separate", "olorin", "connections"),
    [
        ("false", "mongodb://b/", 100),
        ("true", "", 150),
        ("true", "mongodb://a/", 150),
        ("true", "mongodb://a/?appName=x", 200),
        ("true", "mongodb://b/", 150),
    ],
)
def test_connections_of_one_process_on_the_main_server(separate: str, olorin: str, connections: int) -> None:
    environment = {
        "MONGODB_URI": "mongodb://a/",
        "OLORIN_USE_SEPARATE_DATABASE": separate,
        "OLORIN_MONGODB_URL": olorin,
    }
    assert main_server_pools(read_values(Sources(environment))) == connections


async def test_a_state_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert about(await answers({}, state=tmp_path / "state"), STATE_FOLDER) == []
    [finding] = about(await answers({}, state=tmp_path / "file" / "state"), STATE_FOLDER)
    assert finding.status is Status.WARN
    assert "Not a directory" in finding.message
