"""The preflight over real tables: what it counts, and which gate turns red or warns by which trap."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.migrations.repartition.facts import facts
from backends.migrations.repartition.gates import Gate, Status, gates, worst
from tests.backends.migrations.repartition.place import ABS, PAIR, Place

ROOT = Path(__file__).parents[4]


async def gate(place: Place, id_: str, layout: str = "hash") -> Gate:
    found = gates(await facts(place.client), layout, None)
    return next(each for each in found if each.id == id_)


async def test_the_table_as_it_is_shipped(place: Place) -> None:
    """Every column as the model has it, nothing red."""
    for file in ("semantik.sql", "semantik_indexes.sql"):
        await place.admin.execute((ROOT / "console" / "demo" / file).read_text())
    found = await facts(place.client)
    judged = gates(found, "hash", None)
    assert [each.id for each in judged if each.status is Status.RED] == []
    assert {each.id: each.why for each in judged}["model"] == "The model and chunks agree, column by column."
    assert worst(judged) is Status.WARNING


@pytest.mark.parametrize("formula", [ABS, PAIR])
async def test_the_formula_is_read_from_the_rows(place: Place, formula: str) -> None:
    await place.make("list", 400, formula)
    found = (await facts(place.client)).data
    assert (found.rows, found.formula, len(found.sizes)) == (400, formula, 40)
    assert sum(found.by_key) == 400


async def test_a_formula_that_nobody_knows(place: Place) -> None:
    await place.make("list", 400)
    await place.admin.execute("UPDATE chunks SET partition_key = (partition_key + 1) % 100 WHERE id = 9")
    assert (await facts(place.client)).data.formula == ""
    assert (await gate(place, "key-formula")).status is Status.WARNING


@pytest.mark.parametrize(
    ("statement", "id_", "status"),
    [
        ("CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM chunks", "materialized-views", Status.RED),
        ("CREATE VIEW v AS SELECT * FROM chunks_part_07", "leaf-views", Status.RED),
        ("CREATE TABLE t (c chunks)", "row-types", Status.RED),
        ("CREATE RULE r AS ON DELETE TO chunks DO INSTEAD NOTHING", "rarities", Status.RED),
        ("CREATE PUBLICATION p FOR TABLE chunks", "publications", Status.RED),
        ("ALTER TABLE chunks ALTER partition_key SET DEFAULT 0", "key-default", Status.WARNING),
        ("CREATE TABLE chunks_backup_20250101 AS SELECT * FROM chunks", "backup", Status.WARNING),
        ("ALTER TABLE chunks ALTER content TYPE bytea USING content::bytea", "model", Status.RED),
        ("ALTER TABLE chunks ADD CHECK (id > 0) NOT VALID", "constraints", Status.WARNING),
    ],
)
async def test_each_trap_has_its_gate(place: Place, statement: str, id_: str, status: Status) -> None:
    await place.make("list", 50)
    assert (await gate(place, id_)).status is Status.OK or id_ == "model"
    await place.admin.execute(statement)
    assert (await gate(place, id_)).status is status


async def test_a_key_that_two_rows_have(place: Place) -> None:
    """The old layout lets one (id, collection) lie in two partitions; the new one can't."""
    await place.make("list", 50)
    await place.admin.execute(
        "INSERT INTO chunks (id, partition_key, collection_id, chunk_index, content)"
        " SELECT id, (partition_key + 1) % 100, collection_id, 1, 'again' FROM chunks WHERE id = 7"
    )
    assert (await gate(place, "duplicates")).status is Status.RED
