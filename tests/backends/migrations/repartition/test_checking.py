"""What verify finds besides rows that differ: reads that became slower, rows that lost a parent, constraints."""

from __future__ import annotations

import pytest

from backends.clients.errors import Refused
from backends.migrations.repartition import reads
from backends.migrations.repartition.book import Stage
from tests.backends.migrations.repartition.place import Place


async def test_the_reads_are_the_same_and_look_into_one_partition(place: Place) -> None:
    await place.make("list", 2_000)
    await place.admin.execute("CREATE TABLE documents AS SELECT 'document-' || n AS id FROM generate_series(0, 49) n")
    await place.execute()
    _, found = await place.service.verify()
    assert found.right, found.said
    read = {each.name: each for each in found.reads}
    assert set(read) == {"composite key", "collection", "document", "join"}
    assert all(each.same and each.new_rows > 0 for each in found.reads)
    assert read["composite key"].new_rows == 3
    for name in ("composite key", "collection", "join"):
        assert read[name].new_plan.endswith("in 1 partition"), read[name].said
    assert read["collection"].old_plan.endswith("in 100 partitions")


async def test_a_slower_read_refuses_the_swap(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await place.make("list", 300)
    await place.execute()
    monkeypatch.setattr(reads, "SLOWER", 0.0)
    monkeypatch.setattr(reads, "BY_MS", -1e6)
    monkeypatch.setattr(reads, "MORE", -1.0)
    refused = await place.swap()
    assert isinstance(refused.error, Refused)
    assert "slower when read by composite key" in refused.error.message
    found = await place.book()
    assert found is not None
    assert found.stage is Stage.READY
    monkeypatch.undo()
    assert (await place.swap()).state == "done"


async def test_new_rows_without_a_parent_and_new_constraints_fail(place: Place) -> None:
    """What was so before the swap does not count."""
    await place.make("list", 300)
    await place.admin.execute("CREATE TABLE documents AS SELECT 'document-' || n AS id FROM generate_series(0, 30) n")
    await place.execute()
    await place.swap()
    _, found = await place.service.verify()
    assert found.right, found.said
    await place.admin.execute(
        "INSERT INTO chunks (collection_id, document_id, chunk_index, content) VALUES ('collection-1', 'gone', 1, 'x')"
    )
    await place.admin.execute("ALTER TABLE chunks ADD CONSTRAINT late CHECK (content <> '') NOT VALID")
    _, found = await place.service.verify()
    assert found.same
    assert found.problems == ("1 more rows whose row in documents is missing", "the constraint late is not validated")
