"""The migrations screen at both sizes: everything in order, trouble, and nothing configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.errors import CannotConnect, NotConfigured
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, mongo_targets
from backends.migrations.model import (
    BOT_TABLES,
    OLORIN_COLLECTIONS,
    BotSchema,
    BotTable,
    Chunks,
    Held,
    KeyFormula,
    MovingCollection,
    Partition,
    Separation,
)
from backends.migrations.separation import Move
from backends.migrations.service import MigrationsService
from backends.runs.service import RunPage
from screens.migrations import MigrationsScreen
from tests.fixed_runs import DENIED, NO_RUN, PAGE, FixedRuns
from tests.stage import StagedApp, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]

SEPARATION = Separation(
    False,
    "mongodb://ops:••••@db1,db2 database bayit_plus",
    "mongodb://ops:••••@db1,db2 database olorin_platform",
    "MONGODB_URI",
    False,
    tuple(
        MovingCollection(name, Held(1000 * place, True, ("partner_id",)), Held(0, False))
        for place, name in enumerate(OLORIN_COLLECTIONS, 1)
    ),
)
PARTITIONS = tuple(Partition(f"chunks_part_{n:02}", n, (n * 37) % 211, 40_960) for n in range(100))
CHUNKS = Chunks(
    "public.chunks",
    "LIST 100",
    "LIST (partition_key)",
    (KeyFormula("abs(hashtext(NEW.collection_id)) % 100", "trigger set_partition_key"),),
    ("set_partition_key",),
    PARTITIONS,
    10_395,
    4_096_000,
    2.02,
    6_000,
    180_004,
)
SCHEMA = BotSchema(("a1f0c2d4e5b6",), tuple(BotTable(name, True, 250, 81_920) for name in BOT_TABLES))


class FixedMigrations(MigrationsService):
    """Always the same answers, whoever asks."""

    def __init__(self, found: Separation = SEPARATION, chunks: Chunks = CHUNKS, bots: BotSchema = SCHEMA) -> None:
        nowhere = PostgresClient(NotConfigured("nowhere"))
        mongo = MongoClients(mongo_targets({}), WATCHING)
        super().__init__(mongo, Move(False, NotConfigured("nowhere")), nowhere, nowhere)
        self.found, self.table, self.bots = found, chunks, bots

    async def olorin(self) -> Separation:
        return self.found

    async def chunks(self) -> Chunks:
        return self.table

    async def schema(self) -> BotSchema:
        return self.bots


class Nothing(FixedMigrations):
    """No variable is set."""

    async def olorin(self) -> Separation:
        raise NotConfigured("The main Mongo database is not configured.", hint="Set MONGODB_URI.")

    async def chunks(self) -> Chunks:
        raise NotConfigured("The chunks' database is not configured.", hint="Set CHUNKS_DATABASE_URL=postgresql://…")

    async def schema(self) -> BotSchema:
        raise NotConfigured("The bot sessions' database is not configured.", hint="Set ORCHESTRATION_DATABASE_URL.")


def app(folder: Path, service: MigrationsService, runs: RunPage = NO_RUN) -> StagedApp:
    return staged(folder, "3", lambda frame: MigrationsScreen(frame, service, FixedRuns(runs)))


def pressing(*steps: str) -> Callable[[Pilot[Any]], Any]:
    """Waits for the first text, then presses a key and waits for the next text, and so on."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, steps[0])
        for key, text in zip(steps[1::2], steps[2::2], strict=True):
            await pilot.press(key)
            await shown(pilot, text)

    return before


@SIZES
def test_before_the_move(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Seven collections to move."""
    steps = pressing("no run yet")
    assert snap_compare(app(tmp_path, FixedMigrations()), terminal_size=size, run_before=steps)


@SIZES
def test_chunks(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A hundred partitions as a heat map, above the gate."""
    steps = pressing("no run yet", "down", "× mean")
    assert snap_compare(app(tmp_path, FixedMigrations()), terminal_size=size, run_before=steps)


@SIZES
def test_runs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Runs with their states; of one database they could not be read."""
    steps = pressing("no data", "end", "r-20260119-1")
    runs = replace(PAGE, problems=(DENIED,))
    assert snap_compare(app(tmp_path, FixedMigrations(), runs), terminal_size=size, run_before=steps)


@SIZES
def test_a_target_that_is_down(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The source is counted all the same."""
    down = CannotConnect("No server answers: refused", where="mongodb://ops:••••@olorin-db", hint="Is it running?")
    sources = tuple(replace(each, target=None) for each in SEPARATION.collections)
    found = replace(SEPARATION, collections=sources, target_problem=down.problem(), flag=None)
    steps = pressing("Is it running?")
    assert snap_compare(app(tmp_path, FixedMigrations(found)), terminal_size=size, run_before=steps)


@SIZES
def test_nothing_is_configured(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Which variables to set."""
    steps = pressing("Set MONGODB_URI")
    assert snap_compare(app(tmp_path, Nothing()), terminal_size=size, run_before=steps)
