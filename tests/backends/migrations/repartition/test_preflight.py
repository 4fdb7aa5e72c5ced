"""The preflight over real tables: what it counts, and which gate turns red or warns by which trap."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from backends.migrations.repartition import facts as preflight
from backends.migrations.repartition.facts import facts
from backends.migrations.repartition.gates import Gate, Status, gates, worst
from tests.backends.migrations.repartition.place import ABS, FLAG, PAIR, Place

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


SHIPPED = """
    INSERT INTO users (username) VALUES ('u');
    INSERT INTO chunking_strategies (name) VALUES ('recursive');
    INSERT INTO chunking_configs (strategy_id, config_hash, config_data) VALUES (1, 'h', '{}');
    INSERT INTO collections (id, name, owner_id, vector_store_name, embedding_model) VALUES ('c', 'c', 1, 'v', 'm');
    INSERT INTO documents (id, collection_id, file_path, file_name, file_size, content_hash)
        VALUES ('d', 'c', 'p', 'f', 1, 'h');
    INSERT INTO chunks (collection_id, partition_key, document_id, chunking_config_id, chunk_index, content)
        SELECT 'c', abs(hashtext('c')) % 100, 'd', 1, n, 'text' FROM generate_series(1, 50) n;
"""


async def test_what_trying_shows(place: Place) -> None:
    """Inserts are timed, and a chunk is made and read through the model; the table stays as it is."""
    for file in ("semantik.sql", "semantik_indexes.sql"):
        await place.admin.execute((ROOT / "console" / "demo" / file).read_text())
    await place.admin.execute(SHIPPED)
    async with place.gate.act(place.service.probe_act(), FLAG) as token:
        tried = await place.service.probe(token)
    assert (tried.tried, tried.worked, tried.model) == (1, 1, "")
    assert tried.inserts is not None
    assert tried.inserts.number == 1_000
    assert 0 < (tried.inserts.each_us or 0) < 5_000
    assert await place.admin.fetchval("SELECT count(*) FROM chunks") == 50
    found = {each.id: each for each in gates(await facts(place.client), "hash", tried)}
    assert found["model-works"].status is Status.OK
    assert "1,000 inserts take" in found["inserts"].why
    await place.admin.execute("ALTER TABLE chunks ADD CONSTRAINT none CHECK (chunk_index < 0) NOT VALID")
    async with place.gate.act(place.service.probe_act(), FLAG) as token:
        broken = await place.service.probe(token)
    assert 'constraint "none"' in broken.model
    assert broken.inserts is not None
    assert 'constraint "none"' in broken.inserts.error


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
        (
            "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM chunks; CREATE VIEW v AS SELECT * FROM m",
            "materialized-views",
            Status.RED,
        ),
        ("CREATE VIEW v AS SELECT * FROM chunks_part_07", "leaf-views", Status.RED),
        ("CREATE TABLE t (c chunks)", "row-types", Status.RED),
        ("CREATE RULE r AS ON DELETE TO chunks DO INSTEAD NOTHING", "rarities", Status.RED),
        ("CREATE PUBLICATION p FOR TABLE chunks", "publications", Status.RED),
        ("ALTER TABLE chunks ALTER partition_key SET DEFAULT 0", "key-default", Status.WARNING),
        ("CREATE TABLE chunks_backup_20250101 AS SELECT * FROM chunks", "backup", Status.WARNING),
        ("ALTER TABLE chunks ALTER content TYPE bytea USING content::bytea", "model", Status.RED),
        ("ALTER TABLE chunks ADD CHECK (id > 0) NOT VALID", "constraints", Status.WARNING),
        ("CREATE TABLE documents (id integer PRIMARY KEY)", "related-models", Status.WARNING),
        ("CREATE TABLE documents (id varchar)", "related-models", Status.WARNING),
    ],
)
async def test_each_trap_has_its_gate(place: Place, statement: str, id_: str, status: Status) -> None:
    await place.make("list", 50)
    assert (await gate(place, id_)).status is Status.OK or id_ == "model"
    await place.admin.execute(statement)
    assert (await gate(place, id_)).status is status


async def test_what_writers_are_told_by_the_target(place: Place) -> None:
    """The old layout computes no key, so that those who never named one have to begin."""
    await place.make("plain", 50)
    assert (await gate(place, "writers")).why == "Writers need not change."
    assert "must name partition_key" in (await gate(place, "writers", "list")).why


async def test_what_of_today_goes_on_as_it_is(place: Place) -> None:
    await place.make("list", 50)
    assert "must stop naming" in (await gate(place, "writers")).why
    assert (await gate(place, "writers", "list")).status is Status.OK


async def test_a_lock_that_is_held_on_the_table_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "LOCKED_S", 0.0)
    await place.make("plain", 50)
    other = await asyncpg.connect(place.url, server_settings={"application_name": "left open"})
    async with other.transaction():
        await other.execute("SELECT FROM chunks LIMIT 1")
        found = await gate(place, "locks")
    assert (found.status, "left open" in found.why) == (Status.WARNING, True)
    assert (await gate(place, "locks")).status is Status.OK
    await other.close()


async def test_a_key_that_two_rows_have(place: Place) -> None:
    """The old layout lets one (id, collection) lie in two partitions; the new one can't."""
    await place.make("list", 50)
    await place.admin.execute(
        "INSERT INTO chunks (id, partition_key, collection_id, chunk_index, content)"
        " SELECT id, (partition_key + 1) % 100, collection_id, 1, 'again' FROM chunks WHERE id = 7"
    )
    assert (await gate(place, "duplicates")).status is Status.RED
