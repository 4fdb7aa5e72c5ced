"""How long inserts take: a thousand of them, each a statement of its own, in a transaction that is rolled back."""

from __future__ import annotations

import time
from collections.abc import Mapping
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

OWN: Final = "own"
"""The key is named as in the row that is copied."""

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


@dataclass(frozen=True, slots=True)
class Gain:
    """One insert into the old table and into the new one, in microseconds; None where it was not measured.

    percent: that the new one takes less, negative for more.
    """

    before_us: int | None
    after_us: int | None
    percent: float | None

    @property
    def short(self) -> str:
        """Both in a few words.

        >>> gain(400, 300).short, gain(None, 300).short
        ('400 → 300 µs, 25.0 % less (target 10 %)', '300 µs in the new table; before, not measured')
        """
        if self.percent is None:
            return f"{self.after_us} µs in the new table; before, not measured" if self.after_us else "not measured"
        less = f"{abs(self.percent):.1f} % {'less' if self.percent >= 0 else 'more'}"
        return f"{self.before_us} → {self.after_us} µs, {less} (target {TARGET:g} %)"

    @property
    def enough(self) -> bool:
        """Whether the target is met, and a thousand take no longer than they may."""
        fast = (self.after_us or 0) * NUMBER <= LIMIT_S * 1e6
        return self.percent is not None and self.percent > TARGET and fast


def gain(before_us: int | None, after_us: int | None) -> Gain:
    """As measured; 0 counts as not measured."""
    percent = round(100.0 * (before_us - after_us) / before_us, 1) if before_us and after_us else None
    return Gain(before_us or None, after_us or None, percent)


def gain_of(counts: Mapping[str, int]) -> Gain:
    """As a run counted it."""
    return gain(counts.get("insert_us_before"), counts.get("insert_us_after"))


async def measured(connection: Connection[Record], shape: Shape, table: str, *, key: str = "") -> Inserts:
    """Inserts copies of rows of the table in use into `table`, under ids that nobody has, and takes them back.

    key: how `table` has its key named: "" not at all, OWN as in the row that is copied, else the expression for a row
    `o`. No sequence moves on.
    """
    from asyncpg import PostgresError

    columns = [each for each in shape.copied if each != "id"]
    if key == OWN:
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
            await connection.executemany(_statement(shape, table, columns, "" if key == OWN else key), values)
            took = time.monotonic() - began
        except PostgresError as error:
            return Inserts(NUMBER, None, display_text(str(error)))
        finally:
            await connection.execute("ROLLBACK TO SAVEPOINT measured")
        best = min(took, best or took)
    return Inserts(NUMBER, best)


def _statement(shape: Shape, table: str, columns: list[str], key: str) -> str:
    types = [str((shape.column(each) or {"type": "integer"})["type"]) for each in columns]
    # Every value is used, or the server could not tell its type.
    id_ = f"md5($1::text)::{shape.id_type}" if shape.id_type not in _WHOLE else f"$1::text::{shape.id_type}"
    said = [id_, *(f"${place}::text::{type_}" for place, type_ in enumerate(types, 2))]
    names = ", ".join(quoted(each) for each in ("id", *columns))
    if key:
        names += f", {KEY_COLUMN}"
        said.append(key.replace("o.collection_id", f"${columns.index('collection_id') + 2}::text"))
    return f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(said)})"
