"""A rehearsal on a real server: played on a clone, which goes afterwards; the real table never changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backends.clients.errors import Refused, StoppedByPerson
from backends.migrations.repartition.changes import RepartitionChanges
from backends.migrations.repartition.cloning import clone
from backends.migrations.repartition.rehearsing import Rehearsal
from backends.migrations.repartition.service import RepartitionService
from backends.migrations.repartition.shape import read_shape
from backends.runs.model import Halt
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.store import RunStore
from backends.safety.author import this_author
from tests.backends.backup.proven import proven
from tests.backends.migrations.conftest import WHOLE
from tests.backends.migrations.repartition.place import FLAG, Place, Quiet

AUTHOR = this_author("demo", "development", "olorin test")
NOTES = """
    CREATE TABLE notes (chunk bigint, c varchar, k integer,
        FOREIGN KEY (chunk, c, k) REFERENCES chunks ON DELETE CASCADE);
    INSERT INTO notes SELECT id, collection_id, partition_key FROM chunks LIMIT 20;
    CREATE VIEW newest AS SELECT id, content FROM chunks ORDER BY id DESC LIMIT 5;
"""


def changes_on(place: Place, state: Path, production: bool = False) -> RepartitionChanges:
    def runner(store: RunStore, job: object) -> Runner:
        return Runner(store, job, place.gate, AUTHOR, "1.0", Quiet())  # type: ignore[arg-type]

    service = RepartitionService(place.client, state, proven, production=production)
    rehearsal = Rehearsal(
        place.client, place.gate, runner, lambda client: RepartitionService(client, state / "rehearsals", proven)
    )

    def nobody() -> object:
        raise AssertionError("a rehearsal starts no process")

    runs = RunsService((place.store,), AUTHOR, state, lambda run_id, typed: ())
    return RepartitionChanges(service, nobody, lambda: runs, place.gate, lambda: rehearsal)  # type: ignore[arg-type]


async def gate_of(changes: RepartitionChanges) -> tuple[str, str]:
    _, found = await changes.planned("hash")
    return next((gate.status.value, gate.why) for gate in found.gates if gate.id == "rehearsal")


async def catalogue(place: Place) -> list[tuple[object, ...]]:
    """Every relation that there is, and its file."""
    rows = await place.admin.fetch(
        "SELECT n.nspname, c.relname, c.relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
        " AND c.relname NOT LIKE 'console\\_audit%'"
        " ORDER BY 1, 2"
    )
    return [tuple(row) for row in rows]


async def test_a_halt_ends_it_and_it_leaves_nothing(place: Place, tmp_path: Path) -> None:
    await place.make("hash 16", 500)
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'console\\_rehearsal\\_%'"
    rehearsing = asyncio.create_task(changes_on(place, tmp_path).rehearse(FLAG))
    async with asyncio.timeout(60):
        while not await place.admin.fetchval(schemas):  # noqa: ASYNC110 - a schema announces nothing
            await asyncio.sleep(0.01)
    async with place.gate.act(place.service.act("halt"), FLAG) as token:
        await place.store.halt(token, Halt("chunks", "eva@db2", "incident", None))
    with pytest.raises(StoppedByPerson, match="chunks is halted by eva@db2: incident"):
        await rehearsing
    assert await place.admin.fetchval(schemas) == 0
    with pytest.raises(Refused, match="chunks is halted"):
        await changes_on(place, tmp_path).rehearse(FLAG)


BELONGINGS = """
    CREATE MATERIALIZED VIEW sizes AS SELECT collection_id, count(*) AS rows FROM chunks GROUP BY 1;
    CREATE UNIQUE INDEX sizes_key ON sizes (collection_id);
    CREATE POLICY odd ON chunks USING (chunk_index % 2 = 1);
    ALTER TABLE chunks ENABLE ROW LEVEL SECURITY;
    CREATE STATISTICS together (ndistinct) ON collection_id, document_id FROM chunks;
"""


async def the_clone_is_the_table(place: Place) -> None:
    """What most endangers a swap is on it: all that hangs on the table, and what partitions have one by one."""
    leaf = await place.admin.fetchval("SELECT relid::regclass FROM pg_partition_tree('chunks') WHERE isleaf LIMIT 1")
    transaction = place.admin.transaction()
    await transaction.start()
    await place.admin.execute(f"CREATE INDEX ON {leaf} (chunk_index)")
    real = await read_shape(place.admin)
    await clone(place.admin, "rehearsed", 10)
    cloned = await read_shape(place.admin, "rehearsed.chunks")
    await transaction.rollback()
    for part in ("matviews", "views", "triggers", "policies"):
        names = [[each["name"].rpartition(".")[2] for each in shape[part]] for shape in (cloned, real)]
        assert names[0] == names[1], part
    assert cloned["row_security"]
    assert len(cloned["statistics"]) == 1
    assert [each["rest"] for each in cloned["leaf_indexes"]] == [each["rest"] for each in real["leaf_indexes"]]


LAYOUTS = ["hash 16", *([pytest.param("list with trigger", marks=pytest.mark.faults)] if WHOLE else [])]


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_it_passes_and_leaves_nothing(place: Place, tmp_path: Path, layout: str) -> None:
    await place.make(layout, 500)
    if layout != "hash 16":
        await place.admin.execute(NOTES)
    await place.admin.execute(BELONGINGS)
    await the_clone_is_the_table(place)
    changes = changes_on(place, tmp_path, production=True)
    assert (await gate_of(changes))[0] == "warning"
    before, rows = await catalogue(place), await place.rows()
    found = await changes.rehearse(FLAG)
    assert (found.passed, found.rows) == (True, 500), found.said
    assert [each.step for each in found.steps] == ["execute", "swap", "rollback"]
    assert await catalogue(place) == before
    assert await place.rows() == rows
    status, why = await gate_of(changes)
    assert (status, "500 rows" in why) == ("ok", True)
    await place.admin.execute("ALTER TABLE chunks ADD COLUMN late integer")
    assert (await gate_of(changes))[0] == "warning"


async def test_one_that_fails_makes_the_gate_red(place: Place, tmp_path: Path) -> None:
    await place.make("plain", 100)
    await place.admin.execute("ALTER TABLE chunks ADD CONSTRAINT big CHECK (id > 50) NOT VALID")
    changes = changes_on(place, tmp_path)
    found = await changes.rehearse(FLAG)
    assert found.passed is False
    assert (await gate_of(changes))[0] == "red"
    assert not [each for each in await catalogue(place) if "rehearsal" in str(each[0])]
