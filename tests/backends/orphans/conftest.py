"""A platform, its clients, and an orphans service on them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.clients.mongo import MongoClients
from backends.orphans.service import OrphansService
from backends.runs import mongo_store
from tests.backends.orphans.cleaner import Cleaner
from tests.model_endpoint import demo_endpoint
from tests.olorin import Clock, Platform


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo_endpoint(tmp_path_factory.mktemp("endpoint")) as url:
        yield url.removesuffix("/v1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(mongo: MongoClients, tmp_path: Path, clock: Clock) -> OrphansService:
    return OrphansService(mongo, tmp_path, now=clock)


@pytest.fixture(params=["transactions", "none"])
def transactions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server has transactions; or it has none, as a mongod on its own."""
    if request.param == "none":

        async def none(_: object) -> bool:
            return False

        monkeypatch.setattr(mongo_store, "has_transactions", none)
    return str(request.param)


@pytest.fixture
def cleaner(platform: Platform, mongo: MongoClients, tmp_path: Path, clock: Clock) -> Cleaner:
    return Cleaner(platform, mongo, tmp_path, clock)
