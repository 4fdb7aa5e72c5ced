"""A platform whose separation is not switched on yet, with the console's clients on it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backends.backup.service import BackupsService
from backends.clients.mongo import MongoClients
from backends.clients.targets import separate_target
from backends.migrations.olorin.service import SeparationService
from backends.migrations.separation import Move
from tests.olorin import Platform, platform_on


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
def service(platform: Platform, mongo: MongoClients, tmp_path: Path) -> SeparationService:
    """The separation, with the flag off."""
    return service_of(platform, mongo, tmp_path)


def service_of(platform: Platform, mongo: MongoClients, state: Path, flag: bool | None = False) -> SeparationService:
    """The separation, with the flag as given, and the backups of its state folder."""
    backups = BackupsService(mongo, {}, state)
    move = Move(flag, separate_target(platform.environment()))
    return SeparationService(mongo, move, state, backup=lambda undoable: backups.gate("main", undoable))
