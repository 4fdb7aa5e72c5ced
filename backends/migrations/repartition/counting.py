"""What a preflight counts: the rows, what is wrong with them, how they would lie in the new layout. Reads only."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Final

from backends.clients.queries import query
from backends.migrations.repartition.ddl import PARTITIONS, SAFE_KEY
from backends.migrations.repartition.formulas import FORMULAS, NEEDS_DOCUMENT, detected
from backends.migrations.repartition.modelling import fits
from backends.migrations.repartition.shape import KEY_COLUMN, Shape, quoted
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import Session

READING_MS: Final = 600_000
READING_S: Final = READING_MS / 1000
"""Of each count; the client's own patience is for watching."""
COLLECTIONS: Final = 200_000
"""Collections that chance is drawn for one by one, the largest first; of the rest it is known how they lie."""

_DRAWS: Final = 5


@dataclass(frozen=True, slots=True)
class Data:
    """The rows, counted. nulls: rows without an id or a collection; smallest: rows whose collection hashes to the
    smallest integer; twice: keys (id, collection) that more than one row has; wrong: formula → rows that disagree.

    by_key: rows of each of the 100 keys of the new layout; sizes: rows of a collection → how many have so many.
    """

    rows: int
    nulls: int
    smallest: int
    twice: int
    wrong: Mapping[str, int]
    by_key: tuple[int, ...]
    sizes: Mapping[int, int]
    parentless: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """How today's key is computed, "" where no known formula agrees with every row."""
        return detected(self.wrong, self.rows)

    @property
    def collections(self) -> int:
        """How many there are."""
        return sum(self.sizes.values())

    @property
    def skew(self) -> float | None:
        """The fullest key over the mean; None without rows."""
        return max(self.by_key) * PARTITIONS / self.rows if self.rows and self.by_key else None

    @property
    def chance(self) -> float | None:
        """The same for keys drawn by chance, for collections of these sizes: the mean of a few drawings."""
        return chance(self.sizes)


UNCOUNTED: Final = Data(0, 0, 0, 0, {}, (), {})
"""Where rows are hidden, so that no count would be true."""


async def counted(session: Session, shape: Shape) -> Data:
    """Counts the rows, by three scans and one of each parent. Raises BackendError."""
    formulas = _formulas(shape)
    wrong = [f"count(*) FILTER (WHERE o.{KEY_COLUMN} IS DISTINCT FROM {text})" for text in formulas.values()]
    counts = [
        "count(*)",
        "count(*) FILTER (WHERE o.id IS NULL OR o.collection_id IS NULL)",
        "count(*) FILTER (WHERE hashtext(o.collection_id::text) = -2147483648)",
        *wrong,
    ]
    row = await session.fetchrow(f"SELECT {', '.join(counts)} FROM {shape.table} o", timeout=READING_S)
    numbers = [int(each) for each in row or []]
    by_key, sizes = await _sizes(session, shape)
    lost = await parentless(session, shape, (shape.table, ""))
    return Data(
        numbers[0],
        numbers[1],
        numbers[2],
        0 if _unique(shape) else await _twice(session, shape),
        dict(zip(formulas, numbers[3:], strict=True)),
        by_key,
        sizes,
        {name: each[0] if each else None for name, each in lost.items()},
    )


async def _sizes(session: Session, shape: Shape) -> tuple[tuple[int, ...], dict[int, int]]:
    """Rows of each key of the new layout, and how many collections have so many rows; of all that there are."""
    each = f"SELECT count(*) AS n, {SAFE_KEY} AS key FROM {shape.table} WHERE collection_id IS NOT NULL"
    groups = await session.fetch(
        f"SELECT key, n, count(*) AS number FROM ({each} GROUP BY collection_id) AS s GROUP BY 1, 2",
        timeout=READING_S,
    )
    by_key, sizes = [0] * PARTITIONS, Counter[int]()
    for row in groups:
        by_key[row["key"]] += row["n"] * row["number"]
        sizes[row["n"]] += row["number"]
    return tuple(by_key), dict(sizes)


async def broken(session: Session, shape: Shape) -> dict[str, int]:
    """Rows whose parent is missing, of each foreign key that is not validated: the new table takes none of these."""
    open_ = {key["name"] for key in shape["keys_out"] if not key["valid"]}
    oid = await session.fetchval("SELECT to_regclass($1)::oid", shape.table)
    keys = await session.fetch(query(__file__, "keys"), oid) if open_ else []
    found = {}
    for key in keys:
        if key["out"] and key["name"] in open_:
            pairs = [(quoted(own), quoted(other)) for own, other in zip(key["own"], key["referred"], strict=True)]
            named = " AND ".join(f"o.{own} IS NOT NULL" for own, _ in pairs)
            same = " AND ".join(f"p.{other} = o.{own}" for own, other in pairs)
            missing = f"{named} AND NOT EXISTS (SELECT FROM {key['other']} p WHERE {same})"
            number = f"SELECT count(*) FROM {shape.table} o WHERE {missing}"
            found[display_text(key["name"])] = int(await session.fetchval(number, timeout=READING_S))
    return {name: number for name, number in found.items() if number}


def _formulas(shape: Shape) -> dict[str, str]:
    if shape.column(KEY_COLUMN) is None:
        return {}
    whole = shape.column("document_id") is not None and shape.column("chunk_index") is not None
    return {name: text for name, text in FORMULAS.items() if whole or name != NEEDS_DOCUMENT}


def _unique(shape: Shape) -> bool:
    """Whether an index makes (id, collection_id) unique already."""
    wanted = {"id", "collection_id"}
    return any(index["unique"] and set(index["columns"]) <= wanted for index in shape["indexes"])


async def _twice(session: Session, shape: Shape) -> int:
    grouped = f"SELECT FROM {shape.table} GROUP BY id, collection_id HAVING count(*) > 1"
    return int(await session.fetchval(f"SELECT count(*) FROM ({grouped}) AS g", timeout=READING_S))


PARENTS: Final = {"collections": "collection_id", "documents": "document_id", "chunking_configs": "chunking_config_id"}


async def parentless(session: Session, shape: Shape, *tables: tuple[str, str]) -> dict[str, tuple[int, ...] | None]:
    """Rows of each table whose collection, document or config is missing; None where that table is not there.

    tables: with a log, rows whose keys it names are left out, "" for none. All are counted at one snapshot.
    """
    found: dict[str, tuple[int, ...] | None] = {}
    for name, column in PARENTS.items():
        parents, own = shape.named(name), shape.column(column)
        type_ = await session.fetchval(_ID_TYPE, parents)
        if type_ is None or own is None:
            found[name] = None
            continue
        as_text = "" if fits(type_, str(own["type"])) or fits(str(own["type"]), type_) else "::text"
        counts = ", ".join(f"({_orphans(table, log, column, parents, as_text)})" for table, log in tables)
        row = await session.fetchrow(f"SELECT {counts}", timeout=READING_S)
        found[name] = tuple(row or ())
    return found


_ID_TYPE: Final = """
    SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attname = 'id' AND NOT attisdropped
"""


def _orphans(table: str, log: str, column: str, parents: str, as_text: str) -> str:
    logged = f" AND NOT EXISTS (SELECT FROM {log} l WHERE l.id = o.id AND l.collection_id = o.collection_id::text)"
    return (
        f"SELECT count(*) FROM {table} o WHERE o.{column} IS NOT NULL"
        f" AND NOT EXISTS (SELECT FROM {parents} p WHERE p.id{as_text} = o.{column}{as_text})" + (logged if log else "")
    )


def chance(sizes: Mapping[int, int]) -> float | None:
    """What the skew is when each collection gets a key by chance; drawn alike every time.

    sizes: rows of a collection → how many have so many.

    >>> chance({}), round(chance({1: 10_000}), 1), round(chance({1: 1_000_000}), 2)
    (None, 1.3, 1.02)
    """
    if not sizes:
        return None
    ordered = chain.from_iterable(repeat(n, sizes[n]) for n in sorted(sizes, reverse=True))
    largest = list(islice(ordered, COLLECTIONS))
    rest = Counter(sizes) - Counter(largest)
    even = sum(n * number for n, number in rest.items()) / PARTITIONS
    spread = math.sqrt(sum(n * n * number for n, number in rest.items()) * (1 - 1 / PARTITIONS) / PARTITIONS)
    dice, worst = random.Random(sum(sizes.values())), []
    for _ in range(_DRAWS):
        keys = [dice.gauss(even, spread) if rest else 0.0 for _ in range(PARTITIONS)]
        for size in largest:
            keys[dice.randrange(PARTITIONS)] += size
        worst.append(max(keys))
    return sum(worst) / _DRAWS * PARTITIONS / sum(n * number for n, number in sizes.items())
