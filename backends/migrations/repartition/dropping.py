"""Dropping what a swap left: the old table, the logs, the old key's trigger function; never what others depend on."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.migrations.blockers import in_the_way
from backends.migrations.repartition import backups, book, capture, matviews
from backends.migrations.repartition.book import Migration, Stage
from backends.migrations.repartition.exchange import computes_key
from backends.migrations.repartition.locking import LOCK_MS
from backends.migrations.repartition.shape import Shape

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.safety.gate import Token

DROPPING_MS: Final = 60_000
TRIES: Final = 20
"""To drop a table locks those that its foreign keys refer to, behind which everybody waits: so not for long."""


async def drop(token: Token, client: PostgresClient, migration: Migration) -> tuple[str, ...]:
    """Drops all of it in one transaction; what was dropped. Raises Refused where the locks are not to be had."""
    from asyncpg import LockNotAvailableError

    async with client.writing(token, DROPPING_MS) as connection:
        for _ in range(TRIES):
            try:
                async with connection.transaction():
                    return await _drop(connection, migration)
            except LockNotAvailableError:
                await asyncio.sleep(random.uniform(0.2, 1.0))
    shape = migration.target.shape
    tables = [shape.table, shape.named(migration.target.backup), *(key["table"] for key in shape["keys_out"])]
    hint = f"Nothing was dropped. {await in_the_way(client, tables)}"
    raise Refused(f"The locks were not to be had in {TRIES} attempts.", where=client.target.where, hint=hint)


async def _drop(connection: Connection[Record], migration: Migration) -> tuple[str, ...]:
    await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
    kept = migration.stage is Stage.SWAPPED
    dropped = _lines(migration) if kept else await _undone_lines(connection, migration.target.shape)
    for line in dropped:
        await connection.execute(line)
    if not kept:
        return tuple(dropped)
    await backups.strike(connection, migration.target)
    for trigger in filter(computes_key, migration.target.shape["triggers"]):
        dropped += await _drop_function(connection, str(trigger["function"]))
    await book.move(connection, migration.target, Stage.DROPPED)
    return tuple(dropped)


def _lines(migration: Migration) -> list[str]:
    """In an order in which nothing depends on what goes next."""
    target, shape = migration.target, migration.target.shape
    partitions = [shape.named(each) for each in target.partitions]
    lines = list(capture.drop_trigger_statements(capture.SINCE, shape.table, partitions))
    lines += [*matviews.drop_statements(shape, target.backup), f"DROP TABLE {shape.named(target.backup)}"]
    for log in (capture.SINCE, capture.CHANGES):
        lines += list(capture.drop_log_statements(shape, log))
    return list(dict.fromkeys(lines))


async def _undone_lines(connection: Connection[Record], shape: Shape) -> list[str]:
    """What rollbacks put aside: copies, whose every row was carried back; their materialized views first."""
    rows = await connection.fetch(query(__file__, "undone"), shape["schema"])
    return [f"DROP {row['kind']} {shape.named(row['name'])}" for row in rows]


async def _drop_function(connection: Connection[Record], function: str) -> list[str]:
    """The old key's trigger function, unless somebody needs it, or it is not ours to drop."""
    from asyncpg import InsufficientPrivilegeError

    needed = "SELECT EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_proc'::regclass AND refobjid = $1::oid)"
    oid = await connection.fetchval("SELECT to_regprocedure($1)::oid", function)
    if oid is None or await connection.fetchval(needed, oid):
        return []
    line = f"DROP FUNCTION {function}"
    try:
        async with connection.transaction():
            await connection.execute(line)
    except InsufficientPrivilegeError:
        return []
    return [line]
