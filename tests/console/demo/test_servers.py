"""The embedded servers: they answer, they end with whoever started them, and they leave nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import OperationFailure

from console.demo import folders
from console.demo.accounts import Account
from console.demo.processes import sweep_killed_runs
from console.demo.servers import MongoServer, PostgresServer, ServerFailed

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
needs_debian = pytest.mark.skipif(not DEBIAN_15.exists(), reason="Debian's PostgreSQL 15 is not there")
STARTER = """
import asyncio, json, sys
from pathlib import Path
from console.demo.processes import Supervisor
from console.demo.servers import MongoServer, PostgresServer

async def main():
    supervisor = Supervisor()
    data = supervisor.own(Path(sys.argv[1]))
    mongo = MongoServer(data / "mongo", durable=False, supervisor=supervisor)
    postgres = PostgresServer(data / "postgres", supervisor=supervisor)
    await mongo.start()
    await postgres.start()
    print(json.dumps([mongo.pid, postgres.pid]), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def eventually(condition: Callable[[], bool], seconds: float = 8) -> bool:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def exists(path: str) -> bool:
    return Path(path).exists()


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A program that started both servers, and their pids."""
    command = [sys.executable, "-c", STARTER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        yield program, json.loads(program.stdout.readline())
        program.kill()


async def test_mongo_answers_keeps_its_data_and_stops(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "mongo") as server, AsyncMongoClient[dict[str, object]](server.url) as client:
        await client.test.things.insert_one({"_id": 1})
    assert not alive(server.pid)
    server = MongoServer(tmp_path / "mongo", durable=False)
    async with server, AsyncMongoClient[dict[str, object]](server.url) as client:
        assert await client.test.things.find_one() == {"_id": 1}


async def test_mongo_takes_flags(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "mongo", flags=["--auth"], durable=False) as server:
        with MongoClient[dict[str, object]](server.url) as client, pytest.raises(OperationFailure):
            client.test.things.find_one()


@pytest.mark.parametrize("bin_dir", [None, pytest.param(DEBIAN_15, marks=needs_debian)])
async def test_postgres_answers_on_port_and_socket(tmp_path: Path, bin_dir: Path | None) -> None:
    async with PostgresServer(tmp_path / "postgres", bin_dir=bin_dir) as server:
        for url in (server.url(), server.socket_url()):
            connection = await asyncpg.connect(url)
            assert await connection.fetchval("SHOW fsync") == "off"
            await connection.close()
        socket_folder = server.socket_url().partition("host=")[2].partition("&")[0]
        assert exists(socket_folder)
    assert not alive(server.pid)
    assert not exists(socket_folder)


async def test_postgres_refuses_a_wrong_password(postgres_url: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_url, password="wrong")


async def test_postgres_restarts_after_it_was_killed(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait(5)
    await server.start()
    await server.stop()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="no_such_setting"):
        async with PostgresServer(tmp_path / "postgres", settings={"no_such_setting": "1"}):
            pass


async def test_a_frozen_server_is_stopped_too(tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "mongo", durable=False) as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert not alive(server.pid)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_servers_end_with_their_starter(
    starter: tuple[subprocess.Popen[str], list[int]], tmp_path: Path, end: signal.Signals
) -> None:
    program, pids = starter
    program.send_signal(end)
    program.wait(5)
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    assert eventually(lambda: not (tmp_path / "run").exists())


def test_frozen_servers_end_with_a_killed_starter(
    starter: tuple[subprocess.Popen[str], list[int]], tmp_path: Path
) -> None:
    program, pids = starter
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    program.kill()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_a_new_start_sweeps_what_a_killed_run_and_its_keeper_left(
    starter: tuple[subprocess.Popen[str], list[int]], tmp_path: Path
) -> None:
    program, pids = starter
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    keeper = next(child for child in psutil.Process(program.pid).children() if "console.demo.keeper" in child.cmdline())
    keeper.kill()
    program.kill()
    program.wait(5)
    sweep_killed_runs()
    assert not any(alive(pid) for pid in pids)
    assert not (tmp_path / "run").exists()


def test_a_run_file_never_ends_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        gone = {"name": "demo", "pid": 2**22 - 1, "created": 1.0, "stop_signal": 15}
        child = {"name": "mongo", "pid": other.pid, "created": 1.0, "stop_signal": 9}
        run = folders.runs() / "killed.json"
        run.write_text(json.dumps({"owner": gone, "children": [child], "folders": []}))
        sweep_killed_runs()
        assert not run.exists()
        assert other.poll() is None
        other.communicate(b"\n")


def test_a_folder_below_a_private_one_is_not_reachable_for_another_account(tmp_path: Path) -> None:
    stranger = Account("stranger", 64_999, 64_999)
    tmp_path.chmod(0o700)
    assert not folders.reachable(tmp_path / "below", stranger)
    assert folders.reachable(Path("/usr/bin"), stranger)
