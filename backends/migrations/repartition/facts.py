"""What a preflight reads: the shape, the data in it, and what goes on in the database. Reads only."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import NotThere
from backends.clients.queries import query
from backends.migrations.blockers import blockers
from backends.migrations.repartition.book import Migration, newest
from backends.migrations.repartition.ddl import PARTITIONS, SAFE_KEY
from backends.migrations.repartition.formulas import FORMULAS, NEEDS_DOCUMENT, detected
from backends.migrations.repartition.modelling import Difference, differences, fits, related_differences
from backends.migrations.repartition.shape import KEY_COLUMN, Shape, read_shape
from backends.migrations.schema_revisions import pending
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient, Session

READING_MS: Final = 600_000
READING_S: Final = READING_MS / 1000
"""Of each count; the client's own patience is for watching."""
COLLECTIONS: Final = 200_000
"""Collections whose sizes are looked at, the largest first."""

LOCKED_S: Final = 1.0
"""A lock held for less is that of somebody at work."""

_DRAWS: Final = 5


@dataclass(frozen=True, slots=True)
class Data:
    """The rows, counted. nulls: rows without an id or a collection; smallest: rows whose collection hashes to the
    smallest integer; twice: keys (id, collection) that more than one row has; wrong: formula → rows that disagree.

    by_key: rows of each of the 100 keys of the new layout; sizes: rows of each collection.
    """

    rows: int
    nulls: int
    smallest: int
    twice: int
    wrong: Mapping[str, int]
    by_key: tuple[int, ...]
    sizes: tuple[int, ...]
    parentless: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """How today's key is computed, "" where no known formula agrees with every row."""
        return detected(self.wrong, self.rows)

    @property
    def skew(self) -> float | None:
        """The fullest key over the mean; None without rows."""
        return max(self.by_key) * PARTITIONS / self.rows if self.rows and self.by_key else None

    @property
    def chance(self) -> float | None:
        """The same for keys drawn by chance, for collections of these sizes: the mean of a few drawings."""
        return chance(self.sizes)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the gates judge. version: as Postgres counts it; migration: the newest in the book, None for none.

    needed_bytes: on disk, beside what there is. long: transactions of more than a minute, in words. pending: revisions
    of the schema in this database. copies: tables that look like backups and have no primary key. model: where the
    table is not as the model says. may_create: a schema, for a moment. locks: held on the table for a while, in words.
    related: where the tables of its parents are not as the model says.
    """

    shape: Shape
    data: Data
    version: int
    needed_bytes: int
    long: tuple[str, ...]
    pending: tuple[str, ...]
    copies: tuple[str, ...]
    migration: Migration | None
    partition_rows: Mapping[str, int]
    model: tuple[Difference, ...] = ()
    may_create: bool = True
    locks: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


async def facts(client: PostgresClient) -> Facts:
    """Reads them. Raises NotThere and BackendError."""
    async with client.studying(READING_MS) as session:
        shape = await read_shape(session)
        data = await _data(session, shape)
        row = await session.fetchrow(query(__file__, "server"), [each.replace('"', "") for each in shape.leaves])
        if row is None:
            raise NotThere("The server says nothing of itself.")
        long = [display_text(each["said"]) for each in await session.fetch(query(__file__, "long_transactions"))]
        copies = [display_text(each["name"]) for each in await session.fetch(query(__file__, "copies"))]
        partitions = await session.fetch(
            f"SELECT tableoid::regclass::text AS name, count(*) AS n FROM {shape.table} GROUP BY 1 ORDER BY 1",
            timeout=READING_S,
        )
        return Facts(
            shape,
            data,
            row["version"],
            row["bytes"],
            tuple(long),
            await pending_here(session),
            tuple(copies),
            await newest(session),
            {display_text(each["name"]): each["n"] for each in partitions},
            await asyncio.to_thread(differences, shape),
            row["may_create"],
            await blockers(session, [shape.table], at_least_s=LOCKED_S),
            await _related(session, shape),
        )


async def _related(session: Session, shape: Shape) -> tuple[str, ...]:
    """Where the tables of its parents, as far as they are there, are not as the model says."""
    rows = await session.fetch(query(__file__, "related"), list(PARENTS), [shape.named(name) for name in PARENTS])
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in rows:
        found.setdefault(row["table"], {})[row["name"]] = (row["type"], row["unique"])
    return await asyncio.to_thread(related_differences, found)


async def _data(session: Session, shape: Shape) -> Data:
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
    groups = await session.fetch(
        f"SELECT count(*) AS n, {SAFE_KEY} AS key FROM {shape.table} WHERE collection_id IS NOT NULL"
        f" GROUP BY collection_id ORDER BY 1 DESC LIMIT {COLLECTIONS}",
        timeout=READING_S,
    )
    by_key = [0] * PARTITIONS
    for each in groups:
        by_key[each["key"]] += each["n"]
    lost = await parentless(session, shape, (shape.table, ""))
    return Data(
        numbers[0],
        numbers[1],
        numbers[2],
        0 if _unique(shape) else await _twice(session, shape),
        dict(zip(formulas, numbers[3:], strict=True)),
        tuple(by_key),
        tuple(each["n"] for each in groups),
        {name: each[0] if each else None for name, each in lost.items()},
    )


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


async def pending_here(session: Session) -> tuple[str, ...]:
    """Revisions of the tool's schema that this database is behind by; another system's are none of ours."""
    from backends.clients.errors import Refused

    if not await session.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return ()
    current = [row[0] for row in await session.fetch("SELECT version_num FROM alembic_version")]
    try:
        return pending(current)
    except Refused:
        return ()


def chance(sizes: Sequence[int]) -> float | None:
    """What the skew is when each collection gets a key by chance; drawn alike every time.

    >>> chance([]), round(chance([1] * 10_000), 1)
    (None, 1.3)
    """
    if not sizes:
        return None
    dice, worst = random.Random(len(sizes)), []
    for _ in range(_DRAWS):
        keys = [0] * PARTITIONS
        for size in sizes:
            keys[dice.randrange(PARTITIONS)] += size
        worst.append(max(keys))
    return sum(worst) / _DRAWS * PARTITIONS / sum(sizes)


def dependants(shape: Shape) -> list[dict[str, Any]]:
    """All that depends on the table and comes along, by kind and name."""
    named = {
        "view": [each["name"] for each in shape["views"]],
        "materialized view": [f"{each['schema']}.{each['name']}" for each in shape["matviews"]],
        "foreign key of": [f"{each['table']} ({each['name']})" for each in shape["keys_in"]],
        "foreign key to": [f"{each['table']} ({each['name']})" for each in shape["keys_out"]],
        "trigger": [each["name"] for each in shape["triggers"]],
        "grant": sorted({f"{each['privilege']} to {each['grantee'] or 'PUBLIC'}" for each in shape["grants"]}),
        "policy": [each["name"] for each in shape["policies"]],
        "publication": shape["publications"],
        "sequence": [shape["sequence"]["name"]] if shape["sequence"] else [],
        "statistics": [each["name"] for each in shape["statistics"]],
        "comment": [
            *(["chunks"] if shape["comment"] else []),
            *(f"chunks.{each['name']}" for each in shape["columns"] if each["comment"]),
        ],
    }
    return [{"kind": kind, "name": display_text(name)} for kind, names in named.items() for name in names]
