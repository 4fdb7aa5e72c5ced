"""Moving rows from one table to the other: by ranges of the key, and by the keys that a log names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.migrations.repartition.formulas import COLLECTION_ONLY, FORMULAS
from backends.migrations.repartition.shape import KEY_COLUMN, Shape, quoted
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from asyncpg.prepared_stmt import PreparedStatement

Key = tuple[str, str]
"""Id and collection id of a row, as text."""

BY_KEY: Final = (
    "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;"
    " SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off"
)
"""A log's keys are few and the tables large: whatever the statistics say, they are looked up in the index, all of them
by one scan of each partition. Key by key, a hundred partitions would be begun anew for each.
"""


class Prepared:
    """A connection that plans each statement once, for one transaction: what is planned before a lock is not under it.

    Planning for hundreds of partitions takes longer than looking up a few keys in them.
    """

    def __init__(self, connection: Connection[Record]) -> None:
        self._connection = connection
        self._known: dict[str, PreparedStatement[Record]] = {}

    async def fetch(self, text: str, *values: object) -> list[Record]:
        """As the connection's own."""
        if text not in self._known:
            self._known[text] = await self._connection.prepare(text)
        return await self._known[text].fetch(*values)

    async def execute(self, text: str, *values: object) -> object:
        """The same, for what gives no rows."""
        return await self.fetch(text, *values) if values else await self._connection.execute(text)


@dataclass(frozen=True, slots=True)
class Route:
    """From which table to which, and what a row's key is there.

    source and into: tables as SQL takes them. log: of the changes in source. key: the expression for `partition_key`
    of a row `o` in `into`, "" where that table computes it itself or has none.
    """

    shape: Shape
    source: str
    into: str
    log: str
    key: str = ""

    @property
    def id_type(self) -> str:
        return self.shape.id_type

    @property
    def collection_type(self) -> str:
        """The type of the collection ids."""
        column = self.shape.column("collection_id")
        return str(column["type"]) if column else "text"

    @property
    def insert(self) -> str:
        """The INSERT up to its FROM clause; the source is named `o` there."""
        columns = [quoted(each) for each in self.shape.copied]
        values = [f"o.{each}" for each in columns]
        if self.key:
            columns, values = [*columns, KEY_COLUMN], [*values, self.key]
        return f"INSERT INTO {self.into} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)}"

    def hash(self, alias: str) -> str:
        """A number for all that a row holds but its key, which the layouts compute differently."""
        values = ", ".join(f"{alias}.{quoted(each)}" for each in self.shape.copied)
        return f"hashtextextended(ROW({values})::text, 0)"


def forward(shape: Shape, source: str, into: str, log: str, layout: str) -> Route:
    """From the old table to the new one."""
    return Route(shape, source, into, log, FORMULAS[COLLECTION_ONLY] if layout == "list" else "")


async def copy_range(
    connection: Connection[Record], route: Route, leaf: str, after: Key | None, size: int
) -> tuple[int, Key | None]:
    """Copies the next `size` rows of a partition behind a key, in the order of (id, collection_id).

    Gives the rows and the last key, None where the partition has no more.
    """
    place, values = behind(route, after)
    ordered = "ORDER BY o.id, o.collection_id"
    high = await connection.fetchrow(
        f"SELECT o.id::text, o.collection_id::text FROM ONLY {leaf} o {place} {ordered} OFFSET {size - 1} LIMIT 1",
        *values,
    )
    if high is None:
        done = await connection.execute(f"{route.insert} FROM ONLY {leaf} o {place}", *values)
        return _number(done), None
    upper = f"(o.id, o.collection_id) <= {_key(route, len(values) + 1)}"
    condition = f"{place} {'AND' if place else 'WHERE'} {upper}"
    done = await connection.execute(f"{route.insert} FROM ONLY {leaf} o {condition}", *values, *high)
    return _number(done), (high[0], high[1])


def behind(route: Route, after: Key | None) -> tuple[str, Key | tuple[()]]:
    """The condition for rows `o` behind a key, and its values."""
    if after is None:
        return "", ()
    return f"WHERE (o.id, o.collection_id) > {_key(route, 1)}", after


def _key(route: Route, first: int) -> str:
    return f"(${first}::text::{route.id_type}, ${first + 1}::text::{route.collection_type})"


async def take(connection: Connection[Record] | Prepared, route: Route, size: int) -> tuple[int, list[Key]]:
    """Deletes the oldest `size` entries of the log, inside the transaction that applies them: entries and keys."""
    rows = await connection.fetch(
        f"DELETE FROM {route.log} WHERE seq IN (SELECT seq FROM {route.log} ORDER BY seq LIMIT $1)"
        " RETURNING id::text AS id, collection_id",
        size,
    )
    return len(rows), list(dict.fromkeys((row["id"], row["collection_id"]) for row in rows))


async def apply(connection: Connection[Record] | Prepared, route: Route, keys: Sequence[Key]) -> None:
    """Makes the rows of these keys in `into` what they are in the source by now.

    The rows are read by a later statement than the one that took the entries, so that it sees at least what they say;
    what changes in between has an entry of its own. Without keys it only plans. Raises TryAgain.
    """
    from asyncpg import ForeignKeyViolationError

    await connection.execute(BY_KEY)
    listed = [key[0] for key in keys], [key[1] for key in keys]
    await connection.execute(f"DELETE FROM {route.into} n USING {_keys(route)} WHERE {_same(route, 'n')}", *listed)
    try:
        await connection.execute(
            f"{route.insert} FROM {_keys(route)} JOIN {route.source} o ON {_same(route, 'o')}", *listed
        )
    except ForeignKeyViolationError as error:
        # What a row refers to went while the row was read; by now the row went too, or its entry comes.
        raise TryAgain("A row lost its parent while it was applied.") from error


async def differing(connection: Connection[Record] | Prepared, route: Route, keys: Sequence[Key]) -> list[Key]:
    """Those of the keys, applied just now, whose rows are not the same on both sides; logged ones are left out."""
    hashed = f"o.id, o.collection_id::text AS c, {route.hash('o')} AS h"
    rows = await connection.fetch(
        f"""
        WITH k AS MATERIALIZED (SELECT * FROM {_keys(route)}),
        a AS (SELECT {hashed} FROM k JOIN {route.source} o ON {_same(route, "o")}),
        b AS (SELECT {hashed} FROM k JOIN {route.into} o ON {_same(route, "o")})
        SELECT coalesce(a.id, b.id)::text AS id, coalesce(a.c, b.c) AS c
        FROM a FULL JOIN b ON a.id = b.id AND a.c = b.c
        WHERE a.h IS DISTINCT FROM b.h AND NOT EXISTS (
            SELECT FROM {route.log} l WHERE l.id = coalesce(a.id, b.id) AND l.collection_id = coalesce(a.c, b.c))
        """,
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return [(row["id"], row["c"]) for row in rows]


async def forget_logged(connection: Connection[Record], route: Route) -> int:
    """Removes from `into` every row whose key is logged; a row that moved while it was copied may be there twice."""
    done = await connection.execute(
        f"DELETE FROM {route.into} n USING (SELECT DISTINCT id, collection_id FROM {route.log}) k"
        f" WHERE n.id = k.id AND n.collection_id = k.collection_id::{route.collection_type}"
    )
    return _number(done)


def _keys(route: Route) -> str:
    typed = f"i::{route.id_type} AS id, c::{route.collection_type} AS collection_id"
    return f"(SELECT {typed} FROM unnest($1::text[], $2::text[]) AS u (i, c)) k"


def _same(route: Route, alias: str) -> str:
    """The condition for the rows of the keys `k`; the list of ids is what the index is scanned for."""
    ids = f"{alias}.id = ANY($1::text[]::{route.id_type}[])"
    return f"{ids} AND {alias}.id = k.id AND {alias}.collection_id = k.collection_id"


def _number(status: str) -> int:
    """The rows that a command's status names.

    >>> _number("INSERT 0 12"), _number("DELETE 3")
    (12, 3)
    """
    return int(status.split()[-1])
