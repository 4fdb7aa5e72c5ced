"""A real PgBouncer before a real Postgres: its pools, who waits in them, and what it hides from whom."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from backends.clients.errors import BadAnswer
from backends.clients.simple_protocol import Message, messages_in, rows_of
from backends.pools.model import Pool, Server
from backends.pools.report import report
from backends.pools.rules import judge_server
from backends.pools.service import PoolsService
from backends.sampling.state import State
from tests.backends.pools.conftest import Build
from tests.waiting import until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@dataclass(frozen=True)
class Bouncer:
    """A running PgBouncer: the URL of a user who may see its pools, and of one who may not."""

    url: str
    nosy_url: str


@pytest.fixture
async def bouncer(postgres_database: str) -> AsyncIterator[Bouncer]:
    """PgBouncer with two server connections a pool, before the test's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with running(postgres_database, "127.0.0.1", port) as started:
        yield started


@asynccontextmanager
async def running(database: str, host: str, port: int) -> AsyncIterator[Bouncer]:
    assert PROGRAM is not None
    behind = urlsplit(database)
    name, password = behind.username or "postgres", behind.password or ""
    configuration = configured(behind.port or 5432, port, name, password, host)
    process = await asyncio.create_subprocess_exec(PROGRAM, "-q", str(configuration))
    try:
        await until(lambda: _listens(host, port))
        url = behind._replace(netloc=f"{name}:{password}@{host}:{port}").geturl()
        yield Bouncer(url, behind._replace(netloc=f"nosy:x@{host}:{port}").geturl())
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(configuration.parent, ignore_errors=True)


def configured(behind: int, port: int, name: str, password: str, host: str = "127.0.0.1") -> Path:
    """The configuration file, in a folder of its own; the user may see the pools, and `nosy` may not."""
    as_root = os.getuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    (folder / "users").write_text(f'"{name}" "{password}"\n"nosy" "x"\n')
    (folder / "ini").write_text(f"""[databases]
* = host=127.0.0.1 port={behind}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 2
stats_users = {name}
{"user = nobody" if as_root else ""}
""")
    if as_root:  # it runs under another account then
        for path in (folder, *folder.iterdir()):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    return folder / "ini"


def _listens(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


async def bots(service: PoolsService, waiting: int) -> tuple[Server, Pool]:
    """The server and its one pool, once so many wait in it."""
    async with asyncio.timeout(20):
        while True:
            server = await service.server(service.places[0])
            if server.poolers and server.poolers[0].waiting == waiting:
                return server, server.poolers[0]


@needs_pgbouncer
async def test_its_pools_and_who_waits_in_them(build: Build, bouncer: Bouncer) -> None:
    service = build(chunks=bouncer.url)
    server, pool = await bots(service, 0)
    assert pool.name.endswith(f"at {service.places[0].name}")
    assert (pool.role, pool.max, pool.limit) == ("pgbouncer", 2, server.limit)
    assert server.limit
    assert server.notes == ()
    clients = [await asyncpg.connect(bouncer.url, statement_cache_size=0) for _ in range(5)]
    busy = [asyncio.create_task(client.execute("BEGIN; SELECT pg_sleep(20)")) for client in clients]
    async with asyncio.timeout(20):
        while not any(row["cl_waiting"] == "3" for row in await service._postgres["chunks"].show("POOLS")):
            pass
    # Watching goes on although the pool, through which the server itself is asked, is full; nothing is added to it.
    for _ in range(3):
        server, pool = await bots(service, 3)
    assert (pool.active, pool.idle) == (2, 0)
    assert pool.longest_wait_s is not None
    assert (server.current, server.by_app) == (None, ())
    assert server.notes[0].startswith("the server itself can't be asked")
    finding = judge_server(server)
    assert finding.state is State.CRITICAL
    assert finding.why.endswith("all 2 in use, 3 waiting")
    for client in clients:
        client.terminate()
    await asyncio.gather(*busy, return_exceptions=True)


@needs_pgbouncer
async def test_one_on_the_servers_own_port_is_recognised(build: Build, postgres_database: str) -> None:
    """On another address: nothing in the URL or in what the server says of itself gives it away."""
    async with running(postgres_database, "127.0.0.2", urlsplit(postgres_database).port or 5432) as bouncer:
        service = build(chunks=bouncer.url)
        server = await service.server(service.places[0])
        assert [pool.role for pool in server.poolers] == ["pgbouncer"]


@needs_pgbouncer
async def test_one_that_is_full_already_is_recognised(build: Build, bouncer: Bouncer) -> None:
    """Nothing was ever answered through it: what it says itself must be enough."""
    clients = [await asyncpg.connect(bouncer.url, statement_cache_size=0) for _ in range(3)]
    busy = [asyncio.create_task(client.execute("BEGIN; SELECT pg_sleep(20)")) for client in clients]
    service = build(chunks=bouncer.url)
    async with asyncio.timeout(20):
        while not any(row["cl_waiting"] == "1" for row in await service._postgres["chunks"].show("POOLS")):
            pass
    server = await service.server(service.places[0])
    assert server.current is None
    assert server.poolers[0].active == 2
    assert judge_server(server).state is State.CRITICAL
    for client in clients:
        client.terminate()
    await asyncio.gather(*busy, return_exceptions=True)


@needs_pgbouncer
async def test_who_may_not_see_its_pools_is_told_how_to(build: Build, bouncer: Bouncer, postgres_database: str) -> None:
    admin = await asyncpg.connect(postgres_database)
    await admin.execute("CREATE ROLE nosy LOGIN PASSWORD 'x'; GRANT pg_monitor TO nosy")
    try:
        service = build(chunks=bouncer.nosy_url)
        for _ in range(2):
            server = await service.server(service.places[0])
            assert server.current
            assert server.notes == ("PgBouncer hides its pools: add nosy to stats_users in pgbouncer.ini",)
            assert server.poolers == ()
        await service._postgres["chunks"].aclose()
    finally:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'nosy'; DROP ROLE nosy"
        )
        await admin.close()


@needs_pgbouncer
async def test_its_pools_are_in_the_report_and_its_socket_is_counted(build: Build, bouncer: Bouncer) -> None:
    service = build(chunks=bouncer.url)
    snapshot = await service.sample(probe=False)
    assert [(each["role"], each["kind"], each["max"]) for each in report(snapshot)["pools"]] == [
        ("chunks", "postgres", 2), ("pgbouncer", "postgres", 2),
    ]  # fmt: skip
    assert snapshot.own.cost.connections == 2
    assert snapshot.own.cost.monitors == 1
    assert judge_server(snapshot.servers[0]).state is State.OK


async def test_a_server_that_is_no_pgbouncer_is_not_asked(build: Build, postgres_database: str) -> None:
    service = build(chunks=postgres_database)
    assert (await service.server(service.places[0])).poolers == ()
    assert service._postgres["chunks"].pool_count().monitors == 0


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4) + body


ROW = message(b"T", b"\0\2a\0" + bytes(18) + b"b\0" + bytes(18)) + message(b"D", b"\0\2\0\0\0\1x\xff\xff\xff\xff")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_messages_are_read_however_they_are_cut(size: int) -> None:
    stream = ROW + message(b"C", b"SHOW\0") + message(b"Z", b"I")
    unread = bytearray()
    found: list[Message] = []
    for start in range(0, len(stream), size):
        unread += stream[start : start + size]
        found += messages_in(unread)
    assert [kind for kind, _ in found] == [b"T", b"D", b"C", b"Z"]
    assert rows_of(found) == [{"a": "x", "b": None}]


def test_what_is_no_protocol_is_said() -> None:
    with pytest.raises(BadAnswer):
        list(messages_in(bytearray(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    with pytest.raises(BadAnswer, match="not allowed"):
        rows_of([(b"E", b"SFATAL\0Mnot allowed\0\0")])
