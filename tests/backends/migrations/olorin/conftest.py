"""A platform whose separation is not switched on yet, with the console's clients on it."""

from functools import partial
from pathlib import Path

import pytest

from backends.backup.service import BackupsService
from backends.clients.mongo import MongoClients
from backends.clients.targets import separate_target
from backends.migrations.olorin.service import SeparationService
from backends.migrations.separation import Move
from tests.olorin import Platform


@pytest.fixture
def service(platform: Platform, mongo: MongoClients, tmp_path: Path) -> SeparationService:
    """The separation, with the flag off."""
    return service_of(platform, mongo, tmp_path)


def service_of(
    platform: Platform, mongo: MongoClients, state: Path, flag: bool | None = False, **more: str
) -> SeparationService:
    """The separation, with the flag as given. more: variables besides the platform's."""
    backup = partial(BackupsService(mongo, {}, state).gate, "main")
    return SeparationService(mongo, Move(flag, separate_target(platform.environment(**more))), state, backup)
