"""Pictures of the schema's page: pending, several heads, the SQL, and what an upgrade asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.migrations.model import BOT_TABLES, BotSchema, BotTable, SchemaStep
from backends.migrations.schema_service import SchemaService
from screens.schema import SchemaScreen
from tests.backends.backup.proven import proven
from tests.snapshots.test_migrations import pressing
from tests.stage import StagedApp, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]
STEPS = (
    SchemaStep("0003", "0002", "Every status is one of the seven, and every session that is over says when it ended.",
               "SHARE ROW EXCLUSIVE"),
    SchemaStep("0002", "0001", "From model A to the schema: times in UTC, JSONB, sizes as bigint, cascades.",
               "ACCESS EXCLUSIVE"),
    SchemaStep("0001", None, "The eight tables of the service's model A.", "none on tables that are there"),
)  # fmt: skip
PENDING = BotSchema(
    ("0001",),
    tuple(BotTable(name, place < 8, 250 if place < 8 else None, 81_920) for place, name in enumerate(BOT_TABLES)),
    steps=STEPS,
    heads=("0003",),
    pending=("0002", "0003"),
)
HEADS = replace(PENDING, heads=("0003", "0003b"), steps=(replace(STEPS[0], id="0003b"), *STEPS))


class FixedSchema(SchemaService):
    """Always the same answers, whoever asks."""

    def __init__(self, found: BotSchema) -> None:
        target = PostgresTarget("postgresql://ops:pw@db3/bots", "ORCHESTRATION_DATABASE_URL")
        super().__init__(PostgresClient(target), proven)
        self.found = found

    async def status(self) -> BotSchema:
        return self.found

    async def sql(self) -> str:
        return "BEGIN;\n\n-- Running upgrade 0001 -> 0002\n\nALTER TABLE bot_sessions\n    ADD COLUMN recovering …;\n"


def app(folder: Path, service: SchemaService) -> StagedApp:
    return staged(folder, "3", lambda frame: SchemaScreen(frame, service))


@SIZES
@pytest.mark.parametrize(
    ("service", "steps"),
    [
        (FixedSchema(PENDING), ("u upgrades",)),
        (FixedSchema(HEADS), ("merged first",)),
        (FixedSchema(PENDING), ("u upgrades", "p", "Running upgrade")),
        (FixedSchema(PENDING), ("u upgrades", "u", "One transaction")),
    ],
    ids=["pending", "heads", "sql", "upgrade"],
)
def test_schema(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], service: SchemaService, steps: tuple[str, ...]
) -> None:
    """The worst first, then each step with its lock."""
    assert snap_compare(app(tmp_path, service), terminal_size=size, run_before=pressing(*steps))
