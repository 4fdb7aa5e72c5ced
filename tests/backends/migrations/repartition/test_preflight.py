"""The preflight over real tables: what it counts, and which gate turns red or warns by which trap."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from backends.clients.errors import AccessDenied
from backends.migrations.repartition import facts as preflight
from backends.migrations.repartition.facts import facts
from backends.migrations.repartition.formulas import FORMULAS
from backends.migrations.repartition.gates import Gate, Status, gates, worst
from tests.backends.migrations.repartition.place import FLAG, Place

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
    checked = await facts(place.client)
    for worked, status in ((0, Status.WARNING), (1, Status.RED)):
        judged = gates(checked, "hash", replace(broken, worked=worked))
        assert {each.id: each.status for each in judged}["model-works"] is status, "red where only the model fails"


async def test_the_formula_is_read_from_the_rows(place: Place) -> None:
    """Each of those that the platform has, as its own code computes it, negative keys among them."""
    await place.make("plain", 200)
    await place.admin.execute("ALTER TABLE chunks ADD COLUMN partition_key integer")
    for name, text in FORMULAS.items():
        await place.admin.execute(f"UPDATE chunks o SET partition_key = {text}")
        found = (await facts(place.client)).data
        assert (found.rows, found.formula, found.collections, sum(found.by_key)) == (200, name, 40, 200)
        for row in await place.admin.fetch("SELECT DISTINCT collection_id, partition_key FROM chunks"):
            collection = row["collection_id"].encode()
            if name.startswith("sha256"):
                assert row["partition_key"] == int.from_bytes(hashlib.sha256(collection).digest()[:8]) % 100
            elif name.startswith("md5"):
                assert row["partition_key"] == int(hashlib.md5(collection).hexdigest()[:8], 16) % 100


async def test_a_formula_that_nobody_knows(place: Place) -> None:
    await place.make("list", 400)
    await place.admin.execute("UPDATE chunks SET partition_key = (partition_key + 1) % 100 WHERE id = 9")
    assert (await facts(place.client)).data.formula == ""
    assert (await gate(place, "key-formula")).status is Status.WARNING


TRAPS = {
    "model": ("ALTER TABLE chunks ALTER content TYPE bytea USING content::bytea", Status.RED),
    "materialized-views": (
        "CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM chunks; CREATE VIEW v AS SELECT * FROM m",
        Status.RED,
    ),
    "leaf-views": ("CREATE VIEW lv AS SELECT * FROM chunks_part_07", Status.RED),
    "row-types": ("CREATE TABLE t (c chunks)", Status.RED),
    "rarities": ("CREATE RULE r AS ON DELETE TO chunks DO INSTEAD NOTHING", Status.RED),
    "publications": ("CREATE PUBLICATION p FOR TABLE chunks", Status.RED),
    "unique": ("CREATE UNIQUE INDEX u ON chunks_part_07 (id)", Status.RED),
    "partitions": ("ALTER TABLE chunks_part_07 ADD CHECK (id > 0)", Status.RED),
    "replica-identity": ("ALTER TABLE chunks_part_07 REPLICA IDENTITY FULL", Status.RED),
    "sequences": ("ALTER TABLE chunks ADD COLUMN also serial", Status.RED),
    "primary-key": ("ALTER TABLE chunks DROP CONSTRAINT chunks_pkey", Status.RED),
    "left-behind": ("ALTER TABLE chunks_part_07 SET (fillfactor = 50)", Status.WARNING),
    "revisions": ("CREATE TABLE alembic_version AS SELECT 'theirs' AS version_num", Status.WARNING),
    "key-default": ("ALTER TABLE chunks ALTER partition_key SET DEFAULT 0", Status.WARNING),
    "backup": ("CREATE TABLE chunks_backup_20250101 AS SELECT * FROM chunks", Status.WARNING),
    "constraints": ("ALTER TABLE chunks ADD CHECK (id > 0) NOT VALID", Status.WARNING),
    "related-models": ("CREATE TABLE documents (id integer)", Status.WARNING),
}


async def test_each_trap_has_its_gate(place: Place) -> None:
    await place.make("list", 50)
    before = {each.id: each.status for each in gates(await facts(place.client), "hash", None)}
    assert {before[id_] for id_ in TRAPS.keys() - {"model"}} == {Status.OK}
    for statement, _ in TRAPS.values():
        await place.admin.execute(statement)
    found = {each.id: each for each in gates(await facts(place.client), "hash", None)}
    assert {id_: found[id_].status for id_ in TRAPS} == {id_: status for id_, (_, status) in TRAPS.items()}
    why = found["related-models"].why
    assert "documents.id is integer" in why


async def test_a_role_that_does_not_see_or_own_all(place: Place, tmp_path: Path) -> None:
    """Rows that a policy hides are neither counted nor copied: the gate is red, and a run fails on them."""
    await place.make("plain", 40)
    role = f"role_{place.url.rpartition('_')[2]}"
    tables = ("chunks", "collections", "chunking_configs")
    await place.admin.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON SCHEMA public TO {role};"
        + "".join(f"ALTER TABLE {each} OWNER TO {role};" for each in tables)
        + "ALTER TABLE chunks ENABLE ROW LEVEL SECURITY; CREATE POLICY odd ON chunks USING (chunk_index % 4 = 0);"
        "CREATE VIEW theirs AS SELECT id FROM chunks"
    )
    parts = urlsplit(place.url)
    host = f"{role}:x@{parts.netloc.rpartition('@')[2]}"
    other = await Place.at(urlunsplit(parts._replace(netloc=host)), tmp_path / "other")
    try:
        assert (await gate(other, "row-security")).status is Status.OK
        assert "theirs is of" in (await gate(other, "owners")).why
        await place.admin.execute("ALTER TABLE chunks FORCE ROW LEVEL SECURITY")
        found = await other.service.preflight("hash")
        red = {each.id for each in found.gates if each.status is Status.RED}
        assert (found.rows, red) == (None, {"row-security", "owners"})
        failed = await other.execute(formula="")
        assert isinstance(failed.error, AccessDenied)
        assert failed.counts["done"] == 0
    finally:
        await other.aclose()
        await place.admin.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")


async def test_what_writers_are_told_by_the_target(place: Place) -> None:
    """The old layout computes no key, so that those who never named one have to begin."""
    await place.make("plain", 50)
    assert (await gate(place, "writers")).why == "Writers need not change."
    await place.admin.execute(
        "CREATE TABLE documents (id varchar PRIMARY KEY); CREATE UNIQUE INDEX u ON chunks (collection_id, chunk_index);"
        "ALTER TABLE chunks ADD CONSTRAINT d FOREIGN KEY (document_id) REFERENCES documents NOT VALID"
    )
    found = {each.id: each for each in gates(await facts(place.client), "list", None)}
    assert "must name partition_key" in found["writers"].why
    assert found["unique"].status is Status.RED, "it would have to name partition_key"
    assert (found["constraints"].status, "d (43 rows)" in found["constraints"].why) == (Status.RED, True)


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
