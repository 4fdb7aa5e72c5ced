"""The book of re-partitionings, kept in the database that they change: what was built, and how far it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final

from backends.clients.queries import query
from backends.migrations.repartition.capture import CHANGES, SINCE
from backends.migrations.repartition.ddl import Target
from backends.migrations.repartition.formulas import FORMULAS
from backends.migrations.repartition.rows import Route, forward
from backends.migrations.repartition.shape import KEY_COLUMN, TABLE, Shape

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.clients.postgres import Session

BOOK: Final = "console_chunks"
"""Its table, in the schema of the table that it is about, wherever the search path leads besides."""

_PLACE: Final = f"""
    WITH own AS MATERIALIZED (
        SELECT format('%I.{BOOK}', n.nspname) AS book FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = to_regclass('{TABLE}'))
    SELECT book FROM own WHERE to_regclass(book) IS NOT NULL
"""

RETAIN_H: Final = 24
"""Hours that the old table is kept after the swap, unless it is asked for longer."""


class Stage(Enum):
    """How far a re-partitioning is."""

    BUILDING = "building"
    READY = "ready"
    SWAPPING = "swapping"
    SWAPPED = "swapped"
    UNDONE = "undone"
    DROPPED = "dropped"


UNDER_WAY: Final = frozenset({Stage.BUILDING, Stage.READY, Stage.SWAPPING, Stage.SWAPPED})
"""The stages that can be undone."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A re-partitioning. target: what is built, with the old table's shape; formula: how the old key was computed.

    rows: copied. lock_ms: the swap held its exclusive lock so long, None before. retain_h: hours that the old table is
    kept after it. now: the server's time of reading.
    """

    stage: Stage
    target: Target
    run_id: str
    formula: str
    rows: int
    lock_ms: float | None
    retain_h: float
    made_at: datetime
    swapped_at: datetime | None
    retention_until: datetime | None
    now: datetime

    @property
    def route(self) -> Route:
        """From the old table to the new one, before the swap."""
        shape = self.target.shape
        return forward(shape, shape.table, shape.next, shape.named(CHANGES), self.target.layout)

    @property
    def after(self) -> Route:
        """The same comparison after the swap: from the backup to the table in use."""
        shape = self.target.shape
        return forward(shape, shape.named(self.target.backup), shape.table, shape.named(SINCE), self.target.layout)

    @property
    def back(self) -> Route:
        """From the table in use back to the backup. Its key is "?" where no formula is known and one is needed."""
        shape, key = self.target.shape, ""
        column = shape.column(KEY_COLUMN)
        if column and not column["generated"]:
            key = FORMULAS.get(self.formula, "?")
        return Route(shape, shape.table, shape.named(self.target.backup), shape.named(SINCE), key)


async def newest(session: Session) -> Migration | None:
    """The newest re-partitioning, None where there never was one."""
    book = await session.fetchval(_PLACE)
    row = await session.fetchrow(query(__file__, "newest").format(book=book)) if book else None
    if row is None:
        return None
    target = Target(Shape(json.loads(row["shape"])), row["layout"], row["stamp"])
    kept = {name: row[name] for name in ("run_id", "formula", "rows", "lock_ms", "retain_h", "made_at", "swapped_at")}
    return Migration(Stage(row["state"]), target, retention_until=row["retention_until"], now=row["now"], **kept)


async def make(connection: Connection[Record], book: str) -> None:
    """Makes the book where it is not. book: its table, as SQL takes it."""
    await connection.execute(query(__file__, "book").format(book=book))


async def enter(connection: Connection[Record], target: Target, run_id: str, formula: str) -> None:
    """Enters a new one, in the transaction that begins it."""
    book = target.shape.named(BOOK)
    await make(connection, book)
    await connection.execute(
        f"INSERT INTO {book} (stamp, state, layout, run_id, formula, shape) VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
        target.stamp,
        Stage.BUILDING.value,
        target.layout,
        run_id,
        formula,
        json.dumps(dict(target.shape.said)),
    )


async def move(connection: Connection[Record], target: Target, stage: Stage) -> None:
    """Notes how far it is, in the transaction that brought it there."""
    book = target.shape.named(BOOK)
    await connection.execute(f"UPDATE {book} SET state = $2 WHERE stamp = $1", target.stamp, stage.value)


async def note_swap(connection: Connection[Record], target: Target, rows: int, lock_ms: float) -> None:
    """Notes the swap, in its own transaction."""
    await connection.execute(
        f"""
        UPDATE {target.shape.named(BOOK)} SET state = $2, rows = $3, lock_ms = $4,
            swapped_at = clock_timestamp(), retention_until = clock_timestamp() + make_interval(secs => retain_h * 3600)
        WHERE stamp = $1
        """,
        target.stamp,
        Stage.SWAPPED.value,
        rows,
        lock_ms,
    )


async def note_lock(connection: Connection[Record], target: Target, lock_ms: float) -> None:
    """Notes how long everybody waited, its commit included."""
    book = target.shape.named(BOOK)
    await connection.execute(f"UPDATE {book} SET lock_ms = $2 WHERE stamp = $1", target.stamp, lock_ms)
