"""The ways back while somebody writes to the main database: on a replica set, and where there are no transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bson import encode

from backends.migrations.olorin import putting, writing
from backends.migrations.olorin.names import kept
from console.demo.servers import MongoServer
from tests.backends.migrations.olorin.migrating import Bench
from tests.olorin import platform_on


@pytest.fixture(params=[(), ("--standalone",)], ids=["transactions", "none"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Switched, with five partners."""
    async with MongoServer(tmp_path / "mongo", flags=request.param, durable=False) as server:
        with platform_on(server.url, "bayit") as platform:
            mongo = platform.clients()
            bench = Bench(platform, mongo, tmp_path)
            platform.bayit.integration_partners.insert_many([{"_id": f"{n}", "partner_id": f"p{n}"} for n in range(5)])
            assert (await bench.execute()).state == "holding"
            assert (await bench.service().verify()).passed
            assert (await bench.service(True).verify()).passed
            yield bench
            await mongo.aclose()


def meanwhile(monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    """Writes once, right after it was looked whether the documents are what they were."""
    looked, waiting = putting.still, [write]

    async def still(*given: Any) -> None:
        await looked(*given)
        if waiting:
            waiting.pop()()

    monkeypatch.setattr(writing, "still", still)


async def test_what_is_written_meanwhile_is_not_overwritten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = bench.platform.bayit.integration_partners, bench.platform.olorin.integration_partners
    other.update_one({"_id": "1"}, {"$set": {"partner_id": "there"}})
    meanwhile(monkeypatch, lambda: mine.update_one({"_id": "1"}, {"$set": {"partner_id": "here"}}))
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts["carried"], verdict.counts["conflicts"]) == ("done", 0, 1)
    assert mine.find_one({"_id": "1"}) == {"_id": "1", "partner_id": "here"}


async def test_a_backup_is_not_put_over_what_comes_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mine = bench.platform.bayit.integration_partners
    (tmp_path / "integration_partners.bson").write_bytes(encode({"_id": "new", "from": "the backup"}))
    meanwhile(monkeypatch, lambda: mine.insert_one({"_id": "new", "from": "the platform"}))
    verdict = await bench.roll_back(tmp_path)
    assert (verdict.counts["restored"], verdict.counts["conflicts"]) == (0, 1)
    assert mine.find_one({"_id": "new"}) == {"_id": "new", "from": "the platform"}


async def test_what_is_refused_stays_as_it_was(bench: Bench) -> None:
    mine, other = bench.platform.bayit.integration_partners, bench.platform.olorin.integration_partners
    mine.create_index("partner_id", unique=True)
    other.update_one({"_id": "3"}, {"$set": {"partner_id": "p1"}})
    other.update_one({"_id": "4"}, {"$set": {"partner_id": "other"}})
    verdict = await bench.roll_back()
    assert (verdict.state, verdict.counts["carried"], verdict.counts["lacking"]) == ("failed", 1, 1)
    assert [each["partner_id"] for each in mine.find().sort("_id", 1)] == ["p0", "p1", "p2", "p3", "other"]
    assert bench.platform.bayit[kept(verdict.run_id, "integration_partners")].count_documents({}) >= 1
