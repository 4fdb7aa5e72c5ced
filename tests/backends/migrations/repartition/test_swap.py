"""Execute, swap and rollback, in every layout in which the table is met."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.migrations.repartition.book import Stage
from tests.backends.migrations.conftest import WHOLE
from tests.backends.migrations.repartition.place import ABS, FLAG, PAIR, STAMP, Place
from tests.postgres import own_database

LAYOUTS = pytest.mark.parametrize(
    ("name", "formula"),
    [("plain", ""), ("hash 16", ""), ("list", ABS), ("list with trigger", ABS), ("list with trigger", PAIR)],
)


TARGETS = pytest.mark.parametrize("target", ["hash", "list"] if WHOLE else ["hash"])


@LAYOUTS
@TARGETS
async def test_there_and_back(place: Place, name: str, formula: str, target: str) -> None:
    await place.make(name, 3_000, formula or ABS)
    before, catalogue = await place.rows(), await described(place)
    held = await place.execute(target, formula)
    assert held.state == "holding", held
    assert await place.rows("chunks_next") == before
    swapped = await place.swap()
    assert (swapped.state, swapped.error) == ("done", None), swapped
    assert await place.rows() == before
    by = await place.admin.fetchval("SELECT pg_get_partkeydef('chunks'::regclass)")
    assert by == ("HASH (collection_id)" if target == "hash" else "LIST (partition_key)")
    sequence = await place.admin.fetchval("SELECT pg_get_serial_sequence('chunks', 'id')")
    assert sequence == (None if name == "hash 16" else "public.chunks_id_seq")
    await write_after_the_swap(place, names_key=target == "list")
    written = await place.rows()
    undone = await place.roll_back()
    assert (undone.state, undone.error) == ("done", None), undone
    assert undone.counts["inserts_tried"] == 20
    assert undone.counts["inserts_worked"] == 20
    assert await place.rows() == written != before
    assert await described(place) == catalogue
    async with place.gate.act(place.service.act("drop_backup"), FLAG) as token:
        assert await place.service.drop_backup(token) == (f'DROP TABLE "public"."chunks_undone_{STAMP}"',)
    found = await place.book()
    assert found is not None
    assert found.stage is Stage.UNDONE


@pytest.mark.skipif(WHOLE, reason="every layout is taken there already")
async def test_there_and_back_on_an_older_server(postgres_15: str, tmp_path: Path) -> None:
    async with own_database(postgres_15) as url:
        place = await Place.at(url, tmp_path)
        await test_there_and_back(place, "list with trigger", PAIR, "hash")
        await place.aclose()


async def write_after_the_swap(place: Place, *, names_key: bool) -> None:
    """An insert, an update and deletes, one of them by a cascade, as the application does them then."""
    await place.admin.execute("INSERT INTO collections VALUES ('new')")
    column, key = (", partition_key", ", abs(hashtext('new')) % 100") if names_key else ("", "")
    await place.admin.execute(
        f"INSERT INTO chunks (collection_id, chunk_index, content{column}) VALUES ('new', 1, 'x'{key})"
    )
    await place.admin.execute("UPDATE chunks SET content = 'changed' WHERE chunk_index = 5")
    await place.admin.execute("DELETE FROM chunks WHERE chunk_index = 6")
    await place.admin.execute("DELETE FROM collections WHERE id = 'collection-3'")


async def described(place: Place) -> str:
    """The catalogue's description of the table: what a rollback has to bring back."""
    from backends.migrations.repartition.shape import read_shape

    async with place.client.reading() as session:
        return (await read_shape(session)).hash
