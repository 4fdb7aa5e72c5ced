"""Trying today's inserts, in a transaction that is rolled back: shaped as the rows that are there, with their keys.

The same transaction times a thousand of them, and writes and reads a chunk through the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.migrations.blockers import in_the_way
from backends.migrations.repartition.gates import Probe
from backends.migrations.repartition.inserts import OWN, measured
from backends.migrations.repartition.modelling import model_works
from backends.migrations.repartition.shape import KEY_COLUMN, TABLE, Shape, quoted, read_shape
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.safety.gate import Token

TRIED: Final = 20
LOOKED_AT: Final = 5_000
"""Rows among which they are found; a large table is not sorted for it."""

LOCK_MS: Final = 500
PROBE_MS: Final = 30_000


async def probe(token: Token, client: PostgresClient) -> Probe:
    """Inserts copies of up to TRIED rows of different collections, each with a new id.

    Raises Refused where somebody holds a lock on the table, and BackendError.
    """
    from asyncpg import LockNotAvailableError

    async with client.writing(token, PROBE_MS) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"{client.target.opening} SET LOCAL lock_timeout = {LOCK_MS}")
            shape = await read_shape(connection)
            tried = await _tried(connection, shape)
            inserts = await measured(connection, shape, shape.table, key=_key(shape))
            return replace(tried, inserts=inserts, model=await model_works(connection, shape))
        except LockNotAvailableError as error:
            hint = f"Nothing was tried. {await in_the_way(client, [TABLE])}"
            raise Refused(f"{TABLE} is locked.", where=client.target.where, hint=hint) from error
        finally:
            await transaction.rollback()


async def _tried(connection: Connection[Record], shape: Shape) -> Probe:
    from asyncpg import LockNotAvailableError, PostgresError

    rows = await connection.fetch(
        "SELECT DISTINCT ON (collection_id) ctid, tableoid, collection_id"
        f" FROM (SELECT ctid, tableoid, collection_id FROM {shape.table} LIMIT {LOOKED_AT}) AS o LIMIT {TRIED}"
    )
    worked, error = 0, ""
    for row in rows:
        try:
            async with connection.transaction():
                place = f"FROM {shape.table} o WHERE ctid = $1 AND tableoid = $2"
                await connection.execute(insert_copy(shape, place), row["ctid"], row["tableoid"])
            worked += 1
        except LockNotAvailableError:
            raise
        except PostgresError as refused:
            error = error or display_text(str(refused))
    return Probe(len(rows), worked, error)


def _key(shape: Shape) -> str:
    column = shape.column(KEY_COLUMN)
    return OWN if column and not column["generated"] else ""


def insert_copy(shape: Shape, place: str, collection: str = "", key: str = "") -> str:
    """Inserts a copy of the row `o` that is found at the place, the id left to its default.

    collection and key: expressions to put in their columns instead of the row's own.
    """
    instead = {"collection_id": collection, KEY_COLUMN: key}
    names = [each["name"] for each in shape["columns"] if not each["generated"] and each["name"] != "id"]
    values = [instead.get(name) or f"o.{quoted(name)}" for name in names]
    has_default = any(each["name"] == "id" and (each["default"] or each["identity"]) for each in shape["columns"])
    columns = list(map(quoted, names)) if has_default else ["id", *map(quoted, names)]
    values = values if has_default else ["gen_random_uuid()::text", *values]
    return f"INSERT INTO {shape.table} ({', '.join(columns)}) SELECT {', '.join(values)} {place}"
