"""The moment in which everybody waits: what is looked at before it, and the locks that make it.

Whoever writes waits from the first lock to the commit, so the table is read while they go on writing, and nothing but a
look at the catalogue's row versions is left for the lock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.clients.queries import query
from backends.migrations.repartition.shape import Shape, read_shape
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.migrations.repartition.exchange import Exchange

LOCK_MS: Final = 400
"""Others wait behind a lock that is being waited for, so none is waited for longer than this."""

HELD_MS: Final = 50
"""While everybody waits for us, we wait for nobody longer than this: it is all given up and tried again."""


@dataclass(frozen=True, slots=True)
class Look:
    """The table in use, as it was read while nobody could change it but its rows."""

    live: Shape
    fingerprint: str


async def look(connection: Connection[Record], table: str) -> Look:
    """Reads the table, whose definition nobody can change from now on until the transaction ends. Raises TryAgain."""
    await connection.execute(f"LOCK TABLE ONLY {table} IN SHARE UPDATE EXCLUSIVE MODE")
    fingerprint = await connection.fetchval(query(__file__, "fingerprint"), table)
    return Look(await read_shape(connection, table), fingerprint)


async def lock(connection: Connection[Record], exchange: Exchange, seen: Look) -> float:
    """Takes every lock; when it had the first one (monotonic seconds). Raises TryAgain.

    A view or a privilege may have been added meanwhile, which no lock on the table prevents.
    """
    table = exchange.live.table
    await connection.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
    began = time.monotonic()
    rest = f"LOCK TABLE {exchange.locked} IN ACCESS EXCLUSIVE MODE"
    if exchange.referred:
        rest += f"; LOCK TABLE {exchange.referred} IN SHARE ROW EXCLUSIVE MODE"
    await connection.execute(f"SET LOCAL lock_timeout = {HELD_MS}; {rest}")
    if await connection.fetchval(query(__file__, "fingerprint"), table) != seen.fingerprint:
        raise TryAgain("The table's views or privileges changed just now.")
    return began
