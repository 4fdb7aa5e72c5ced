"""Who may see and do what: rows that a policy hides, what the role may not change, what others were given unasked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.clients.queries import query
from backends.migrations.repartition.shape import Shape, quoted
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.clients.postgres import Session


async def hidden(session: Session, shape: Shape, others: Sequence[str] = ()) -> tuple[str, ...]:
    """Those of the table, its partitions and others that are there whose rows a policy hides from this role."""
    names = [shape.table, *shape.leaves, *others, *(key["table"] for key in shape["keys_out"])]
    rows = await session.fetch(query(__file__, "hidden"), list(dict.fromkeys(names)))
    return tuple(display_text(row["name"]) for row in rows)


async def not_ours(session: Session, shape: Shape) -> tuple[str, ...]:
    """What this role may not change or refer to, of all that a swap touches; in words."""
    relations = [shape.table, *shape.leaves]
    relations += [each["table"] for each in shape["keys_in"]]
    relations += [each["name"] for each in shape["views"]]
    relations += [f"{quoted(each['schema'])}.{quoted(each['name'])}" for each in shape["matviews"]]
    relations += [shape["sequence"]["name"]] if shape["sequence"] else []
    referred = [each["table"] for each in shape["keys_out"]]
    place = (shape.table, referred, shape["schema"], shape["owner"])
    rows = await session.fetch(query(__file__, "rights"), relations, list(shape["publications"]), *place)
    return tuple(display_text(row["said"]) for row in rows)


async def revoke(connection: Connection[Record], names: Sequence[str]) -> None:
    """Takes from everybody but the owner what default privileges gave on relations that were made just now."""
    rows = await connection.fetch(query(__file__, "exposed"), list(names))
    who = [quoted(row["grantee"]) if row["grantee"] else "PUBLIC" for row in rows]
    if who:
        await connection.execute(f"REVOKE ALL ON TABLE {', '.join(names)} FROM {', '.join(who)}")
