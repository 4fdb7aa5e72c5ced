"""Who stands in the way of a lock; they are named and never ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.clients.queries import query
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient, Session

SHOWN = 5


async def blockers(session: Session, tables: Sequence[str], *, at_least_s: float = 0.0) -> tuple[str, ...]:
    """Who holds locks on the tables now, in words, each once. tables: as SQL takes them. Raises BackendError.

    at_least_s: whose transaction is that old.
    """
    said: dict[str, str] = {}
    for row in await session.fetch(query(__file__, "blockers"), list(tables)):
        if (row["seconds"] or 0.0) < at_least_s:
            continue
        age = "" if row["seconds"] is None else f" for {row['seconds']:.0f} s"
        pid = f"pid {row['pid']} " if row["pid"] else ""
        who = f"{pid}{row['name'] or '?'} {row['application'] or ''}".rstrip()
        said.setdefault(who, display_text(f"{who}, {row['state'] or 'state unknown'}{age}, {row['mode']}"))
    return tuple(said.values())


async def in_the_way(client: PostgresClient, tables: Sequence[str]) -> str:
    """The same as one hint."""
    async with client.reading() as session:
        found = await blockers(session, tables)
    return f"Held by: {'; '.join(found[:SHOWN])}" if found else "Whoever held it has gone by now: try again."
