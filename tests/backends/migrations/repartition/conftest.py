"""A chunks table in each of its layouts, on the embedded Postgres and on Debian's PostgreSQL 15 where that is there."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.backends.migrations.repartition.place import Place

WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
"""`make faults` runs all of it on both servers; `make test` takes one way there and back on the older one."""

SERVERS = ["embedded", pytest.param("15", marks=pytest.mark.faults)] if WHOLE else ["embedded"]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The URL of a running Postgres."""
    return str(request.getfixturevalue("postgres_url" if request.param == "embedded" else "postgres_15"))


@pytest.fixture
async def url(server: str) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def place(url: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = await Place.at(url, tmp_path / "state")
    yield made
    await made.aclose()
