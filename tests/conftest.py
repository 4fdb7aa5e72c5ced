"""Real servers for every test: started once a session, or named by TEST_MONGODB_URI and TEST_POSTGRES_URL.

A test that writes takes `mongo_database` or `postgres_database`: a database of its own, dropped afterwards.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from backends.clients.mongo import MongoClients
from console.demo.servers import MongoServer, PostgresServer
from tests.olorin import Platform, platform_on
from tests.postgres import own_database

# A machine that is busy makes no example slow and no run different from the last.
settings.register_profile("olorin", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("olorin")

DEMO_SCALE = "0.1"
DEMO_READY = 100
"""Seconds."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what needs the demo stack in one worker, so that one is started."""
    for item in items:
        if "demo_env" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("demo"))


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Mongo, without a database in its URL."""
    named = os.environ.get("TEST_MONGODB_URI")
    if named:
        yield named
        return
    server = MongoServer(tmp_path_factory.mktemp("mongo") / "data", durable=False)
    asyncio.run(server.start())
    yield server.url
    asyncio.run(server.stop())


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[str]:
    """The name of a database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    """A platform's two databases, empty."""
    with platform_on(mongo_url, mongo_database) as platform:
        yield platform


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[MongoClients]:
    """The console's clients on the platform."""
    clients = platform.clients()
    yield clients
    await clients.aclose()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Postgres; the URL names its maintenance database."""
    named = os.environ.get("TEST_POSTGRES_URL")
    if named:
        yield named
        return
    server = PostgresServer(tmp_path_factory.mktemp("postgres") / "data")
    asyncio.run(server.start())
    yield server.url()
    asyncio.run(server.stop())


@pytest.fixture
async def postgres_database(postgres_url: str) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    async with own_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def demo_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a running, seeded demo stack at a small scale; read from it, don't change it.

    `OLORIN_DEMO_ENV_FILE` names the file itself, whose comments hold the planted counts and the pids.
    """
    env_file = tmp_path_factory.mktemp("demo") / "demo.env"
    with start_demo(env_file) as demo:
        yield {key: value for key, value in dotenv_values(env_file).items() if value is not None} | {
            "OLORIN_DEMO_ENV_FILE": str(env_file)
        }
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(10) == 0


def start_demo(env_file: Path) -> subprocess.Popen[bytes]:
    """Start `olorin demo --no-ui` and wait until its env file is there."""
    options = ["--no-ui", "--scale", DEMO_SCALE, "--env-out", str(env_file)]
    demo = subprocess.Popen([sys.executable, "-m", "console", "demo", *options], stdout=subprocess.DEVNULL)
    for _ in range(DEMO_READY * 10):
        if env_file.exists():
            return demo
        try:
            raise AssertionError(f"the demo ended with {demo.wait(0.1)}")
        except subprocess.TimeoutExpired:
            continue
    demo.kill()
    raise AssertionError(f"the demo was not ready within {DEMO_READY} s")
