"""A URL that prefers secondaries: what a change is decided on is asked of the primary all the same."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backends.clients import read_only
from backends.clients.mongo import MongoClients
from tests.backends.orphans.cleaner import Cleaner, plant
from tests.olorin import Clock, Platform


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[MongoClients]:
    """Clients whose URLs both prefer a secondary."""
    url = f"{platform.url}{'&' if '?' in platform.url else '/?'}readPreference=secondaryPreferred".replace("//?", "/?")
    clients = platform.clients(MONGODB_URI=url, OLORIN_MONGODB_URL=url)
    yield clients
    await clients.aclose()


async def test_parents_quarantine_and_run_are_read_from_the_primary(
    platform: Platform, mongo: MongoClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaner = Cleaner(platform, mongo, tmp_path, Clock())
    plant(platform)
    plan = await cleaner.plan()
    asked: dict[str, set[tuple[str, str | None]]] = {}
    for method in ("find", "find_one", "find_raw_batches", "aggregate", "count_documents", "estimated_document_count"):
        asking = getattr(read_only.ReadingCollection, method)

        def noted(self: read_only.ReadingCollection, *given: Any, _asking: Any = asking, **more: Any) -> Any:
            inner = self._collection
            asked.setdefault(self.name, set()).add((inner.read_preference.mongos_mode, inner.read_concern.level))
            return _asking(self, *given, **more)

        monkeypatch.setattr(read_only.ReadingCollection, method, noted)
    cleaned = await cleaner.clean(plan)
    assert (cleaned.state, cleaned.counts["deleted"]) == ("done", 30)
    restored = await cleaner.restore(cleaned.run_id)
    assert (restored.state, restored.counts["restored"]) == ("done", 30)
    await cleaner.cleaning.verify(cleaned.run_id)
    assert {"content", "content_embeddings", "console_runs", f"console_quarantine_{cleaned.run_id}"} <= asked.keys()
    assert {name for name, how in asked.items() if how != {("primary", "majority")}} == set()
