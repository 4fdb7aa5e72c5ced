"""What a preflight reads: the shape, the data in it, and what goes on in the database. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import NotThere
from backends.clients.queries import query
from backends.migrations.blockers import blockers
from backends.migrations.repartition.book import Migration, newest
from backends.migrations.repartition.counting import PARENTS, READING_MS, READING_S, UNCOUNTED, Data, broken, counted
from backends.migrations.repartition.modelling import Difference, differences, related_differences
from backends.migrations.repartition.rights import hidden, not_ours
from backends.migrations.repartition.shape import Shape, read_shape
from backends.migrations.schema_revisions import pending
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient, Session

LOCKED_S: Final = 1.0
"""A lock held for less is that of somebody at work."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the gates judge. version: as Postgres counts it; migration: the newest in the book, None for none.

    needed_bytes: on disk, beside what there is. long: transactions of more than a minute, in words. pending: revisions
    of the schema in this database. copies: tables that look like backups and have no primary key. model: where the
    table is not as the model says. may_create: a schema, for a moment. locks: held on the table for a while, in words.
    related: where the tables of its parents are not as the model says. hidden: tables whose rows a policy hides from
    this role, so that nothing was counted. foreign: what of it all this role may not change. broken: foreign keys that
    are not validated → rows that they would not let in. unknown: revisions that the tool doesn't know.
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
    hidden: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    broken: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


async def facts(client: PostgresClient) -> Facts:
    """Reads them. Raises NotThere and BackendError."""
    async with client.studying(READING_MS) as session:
        shape = await read_shape(session)
        unseen = await hidden(session, shape, [shape.named(name) for name in PARENTS])
        data = UNCOUNTED if unseen else await counted(session, shape)
        row = await session.fetchrow(query(__file__, "server"), shape.leaves)
        if row is None:
            raise NotThere("The server says nothing of itself.")
        long = [display_text(each["said"]) for each in await session.fetch(query(__file__, "long_transactions"))]
        copies = [display_text(each["name"]) for each in await session.fetch(query(__file__, "copies"))]
        partitions = (
            []
            if unseen
            else await session.fetch(
                f"SELECT tableoid::regclass::text AS name, count(*) AS n FROM {shape.table} GROUP BY 1 ORDER BY 1",
                timeout=READING_S,
            )
        )
        behind = await revisions_here(session)
        return Facts(
            shape,
            data,
            row["version"],
            row["bytes"],
            tuple(long),
            behind.pending,
            tuple(copies),
            await newest(session),
            {display_text(each["name"]): each["n"] for each in partitions},
            await asyncio.to_thread(differences, shape),
            row["may_create"],
            await blockers(session, [shape.table], at_least_s=LOCKED_S),
            await _related(session, shape),
            unseen,
            await not_ours(session, shape),
            {} if unseen else await broken(session, shape),
            behind.unknown,
        )


async def _related(session: Session, shape: Shape) -> tuple[str, ...]:
    """Where the tables of its parents, as far as they are there, are not as the model says."""
    rows = await session.fetch(query(__file__, "related"), list(PARENTS), [shape.named(name) for name in PARENTS])
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in rows:
        found.setdefault(row["table"], {})[row["name"]] = (row["type"], row["unique"])
    return await asyncio.to_thread(related_differences, found)


@dataclass(frozen=True, slots=True)
class Behind:
    """What of `alembic_version`: steps that the tool would take; revisions that it doesn't know, another system's."""

    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


async def revisions_here(session: Session) -> Behind:
    """How far behind this database is; without that table nothing is pending."""
    from backends.clients.errors import Refused

    if not await session.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return Behind()
    current = [row[0] for row in await session.fetch("SELECT version_num FROM alembic_version")]
    if not current:
        return Behind(unknown=("none at all",))
    try:
        return Behind(pending(current))
    except Refused:
        return Behind(unknown=tuple(map(display_text, current)))


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
