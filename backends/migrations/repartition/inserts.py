"""How long inserts take: a thousand of them, each a statement of its own, in a transaction that is rolled back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.migrations.repartition.shape import KEY_COLUMN, Shape, quoted
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Connection, Record

NUMBER: Final = 1_000
ROUNDS: Final = 3
"""The fastest counts: what else the server did in the others says nothing of the table."""

LIMIT_S: Final = 5.0
"""Seconds that the founding document gives a thousand inserts."""

TARGET: Final = 10.0
"""Percent that they should take less after the swap."""

_WHOLE: Final = frozenset({"smallint", "integer", "bigint"})


@dataclass(frozen=True, slots=True)
class Inserts:
    """number: inserted. took_s: seconds for all of them; None where they were refused, which error says."""

    number: int
    took_s: float | None
    error: str = ""

    @property
    def each_us(self) -> int | None:
        """Microseconds of one."""
        return round(self.took_s / self.number * 1e6) if self.took_s is not None and self.number else None


async def measured(connection: Connection[Record], shape: Shape, table: str, *, names_key: bool) -> Inserts:
    """Inserts copies of rows of the table in use into `table`, under ids that nobody has, and takes them back.

    names_key: whether `table` wants its key named. No sequence moves on.
    """
    from asyncpg import PostgresError

    columns = [each for each in shape.copied if each != "id"]
    if names_key and shape.column(KEY_COLUMN):
        columns.append(KEY_COLUMN)
    rows = await connection.fetch(
        f"SELECT {', '.join(f'{quoted(each)}::text' for each in columns)} FROM {shape.table} LIMIT {NUMBER}"
    )
    if not rows:
        return Inserts(0, None, "there is no row to insert a copy of")
    values = [(str(-1 - number), *rows[number % len(rows)]) for number in range(NUMBER)]
    best: float | None = None
    for _ in range(ROUNDS):
        # In words: the driver nests only in transactions that it began, and a batch's is none of them.
        await connection.execute("SAVEPOINT measured")
        try:
            began = time.monotonic()
            await connection.executemany(_statement(shape, table, columns), values)
            took = time.monotonic() - began
        except PostgresError as error:
            return Inserts(NUMBER, None, display_text(str(error)))
        finally:
            await connection.execute("ROLLBACK TO SAVEPOINT measured")
        best = min(took, best or took)
    return Inserts(NUMBER, best)


def _statement(shape: Shape, table: str, columns: list[str]) -> str:
    types = [str((shape.column(each) or {"type": "integer"})["type"]) for each in columns]
    # Every value is used, or the server could not tell its type.
    id_ = f"md5($1::text)::{shape.id_type}" if shape.id_type not in _WHOLE else f"$1::text::{shape.id_type}"
    said = [id_, *(f"${place}::text::{type_}" for place, type_ in enumerate(types, 2))]
    names = ", ".join(quoted(each) for each in ("id", *columns))
    return f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(said)})"


def said(before_us: int | None, after_us: int | None) -> str:
    """Both as they were measured, in words.

    >>> said(400, 300)
    'an insert took 400 µs before and 300 µs now: 25.0 % less, the target is more than 10 % less'
    >>> said(None, 300)
    'an insert takes 300 µs now; before, it was not measured'
    """
    if after_us is None:
        return "inserts were not measured"
    if not before_us:
        return f"an insert takes {after_us} µs now; before, it was not measured"
    gain = 100.0 * (before_us - after_us) / before_us
    less = f"{abs(gain):.1f} % {'less' if gain >= 0 else 'more'}"
    return (
        f"an insert took {before_us} µs before and {after_us} µs now: {less}, the target is more than {TARGET:g} % less"
    )
