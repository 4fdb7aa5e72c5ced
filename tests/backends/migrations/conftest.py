"""A platform and an empty Postgres database, with the console's clients on them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Gate
from console.demo.servers import PostgresServer

DEBIAN = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def postgres_15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running PostgreSQL 15; skips where there is none."""
    if not DEBIAN.is_dir():
        pytest.skip("no PostgreSQL 15 here")
    server = PostgresServer(tmp_path_factory.mktemp("postgres15") / "data", bin_dir=DEBIAN)
    asyncio.run(server.start())
    yield server.url()
    asyncio.run(server.stop())


WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
"""`make faults` runs all of it on both servers; `make test` takes one way there and back on the older one."""

SERVERS = ["postgres_url", pytest.param("postgres_15", marks=pytest.mark.faults)] if WHOLE else ["postgres_url"]


@pytest.fixture
async def postgres(postgres_database: str) -> AsyncIterator[PostgresClient]:
    client = PostgresClient(PostgresTarget(postgres_database, "CHUNKS_DATABASE_URL"))
    yield client
    await client.aclose()


@pytest.fixture
async def admin(postgres_database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that may write, as the test's own hand."""
    connection = await asyncpg.connect(postgres_database)
    yield connection
    await connection.close()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Of a development environment, not armed."""
    trail = AuditTrail(tmp_path / "state")
    return Gate(trail, this_author("demo", "development", "olorin test"), Arming(), production=False)
