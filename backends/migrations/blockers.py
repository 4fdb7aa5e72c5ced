"""Who stands in the way of a lock; they are named and never ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.clients.queries import query
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient

SHOWN = 5


async def blockers(client: PostgresClient, tables: Sequence[str]) -> tuple[str, ...]:
    """The sessions that hold locks on the tables now, in words, each once. Raises BackendError."""
    async with client.reading() as session:
        rows = await session.fetch(query(__file__, "blockers"), list(tables))
    said: dict[int, str] = {}
    for row in rows:
        age = "" if row["seconds"] is None else f" for {row['seconds']:.0f} s"
        who = f"pid {row['pid']} {row['name'] or '?'} {row['application'] or ''}".rstrip()
        said.setdefault(row["pid"], display_text(f"{who}, {row['state'] or 'state unknown'}{age}, {row['mode']}"))
    return tuple(said.values())


async def in_the_way(client: PostgresClient, tables: Sequence[str]) -> str:
    """The same as one hint."""
    found = await blockers(client, tables)
    return f"Held by: {'; '.join(found[:SHOWN])}" if found else "Whoever held it has gone by now: try again."
