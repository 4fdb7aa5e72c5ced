"""What verify finds besides rows that differ: reads that became slower, rows that lost a parent, constraints."""

from __future__ import annotations

import pytest

from backends.clients.errors import Refused
from backends.migrations.repartition import reads
from backends.migrations.repartition.book import Stage
from tests.backends.migrations.repartition.place import STAMP, Place


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
    monkeypatch.setattr(reads, "APART_S", (0.0, 0.0))
    refused = await place.swap()
    assert isinstance(refused.error, Refused)
    assert "slower when read by composite key" in refused.error.message
    found = await place.book()
    assert found is not None
    assert found.stage is Stage.READY
    monkeypatch.undo()
    assert (await place.swap()).state == "done"


async def test_a_read_is_slower_only_where_every_measurement_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever keeps the server busy is gone in one of them."""
    fast, slow = reads.Cost(2.0, 1.0, 10, "Index Scan"), reads.Cost(900.0, 800.0, 200, "Seq Scan")
    monkeypatch.setattr(reads, "APART_S", (0.0, 0.0))
    found = [(fast, slow)] * (reads.AGREE - 1)

    async def measure(*_: object) -> tuple[reads.Cost, reads.Cost]:
        return found.pop() if found else (fast, fast)

    await place.make("list", 100)
    await place.execute()
    monkeypatch.setattr(reads, "_costs", measure)
    _, compared = await place.service.verify()
    assert (compared.ok, found) == (True, [])
    monkeypatch.setattr(reads, "AGREE", 1)
    found = [(fast, slow)]
    _, compared = await place.service.verify()
    assert [each.slower for each in compared.reads] == [True, False, False, False]


async def test_what_was_written_since_the_swap_is_counted_apart(place: Place) -> None:
    """New rows, changed ones and deleted ones alike; a key that a collection has not any more is told."""
    await place.make("list", 300)
    await place.execute()
    await place.swap()
    await place.admin.execute(
        "INSERT INTO chunks (collection_id, chunk_index, content)"
        " SELECT 'collection-1', n, 'x' FROM generate_series(1, 3) n;"
        "UPDATE chunks SET content = 'y' WHERE id = 5; DELETE FROM chunks WHERE id = 6"
    )
    _, found = await place.service.verify()
    assert (found.old_rows, found.new_rows, found.logged) == (300, 302, 5)
    assert "5 keys written since the swap left out" in found.said
    backup = f"chunks_backup_{STAMP}"
    await place.admin.execute(
        f"UPDATE {backup} SET partition_key = (partition_key + 1) % 100 WHERE collection_id = 'collection-9'"
    )
    _, found = await place.service.verify()
    assert found.problems == ("1 collections have another key than before",)


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
