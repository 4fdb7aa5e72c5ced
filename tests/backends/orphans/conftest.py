"""A platform, its clients, and an orphans service on them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backends.clients.mongo import MongoClients
from backends.orphans.service import OrphansService
from tests.olorin import Clock, Platform, platform_on


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        yield platform


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[MongoClients]:
    clients = platform.clients()
    yield clients
    await clients.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(mongo: MongoClients, tmp_path: Path, clock: Clock) -> OrphansService:
    return OrphansService(mongo, tmp_path, now=clock)
