"""A chunks table in each of its layouts, on the embedded Postgres and on Debian's PostgreSQL 15 where that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backends.migrations.conftest import SERVERS
from tests.backends.migrations.repartition.place import Place
from tests.postgres import own_database


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """The URL of a running Postgres."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
async def url(server: str) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    async with own_database(server) as made:
        yield made


@pytest.fixture
async def place(url: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = await Place.at(url, tmp_path / "state")
    yield made
    await made.aclose()
