"""The board after the swap: every partition read and written, constraints, errors, revisions, the backup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import AccessDenied, BadAnswer, NotThere
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition.book import Migration, Stage
from backends.migrations.repartition.ddl import PARTITIONS, SAFE_KEY
from backends.migrations.repartition.errors import GATE, Errors, Since, errors, since
from backends.migrations.repartition.facts import revisions_here
from backends.migrations.repartition.gates import Gate, Status, revisions_gate
from backends.migrations.repartition.inserts import Gain
from backends.migrations.repartition.probing import LOCK_MS, PROBE_MS, insert_copy
from backends.migrations.repartition.shape import Shape, read_shape
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.safety.gate import Token
    from backends.safety.proofs import Proof

TRIED_NAMES: Final = 10_000
"""Names of collections among which one is looked for that belongs into an empty partition."""


@dataclass(frozen=True, slots=True)
class Written:
    """What writing to every partition showed. untried: those of a table that has no row to copy."""

    partitions: int
    worked: int
    untried: int
    error: str = ""


async def board(client: PostgresClient, found: Migration, wrote: Proof | None, before: Proof | None) -> list[Gate]:
    """The checks. wrote: of the newest writing; before: of the counters at the swap. Raises BackendError."""
    readable = await _readable(client, found)
    async with client.reading() as session:
        shape = await read_shape(session)
        counted, behind = await errors(session), await revisions_here(session)
        backup = await session.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.named(found.target.backup))
    return [
        readable,
        _writable(wrote, found.target.stamp),
        _constraints(shape, found.target.shape),
        errors_gate(counted, _since(before, counted, found.target.stamp)),
        revisions_gate(behind.pending, behind.unknown),
        _backup(found, bool(backup)),
    ]


def _since(before: Proof | None, now: Errors, stamp: str) -> Since | None:
    return since(before.body, now.counters) if before is not None and _of(before, stamp) else None


def _of(proof: Proof, stamp: str) -> bool:
    """Whether it is about this re-partitioning."""
    return proof.body.get("stamp") == stamp


async def _readable(client: PostgresClient, found: Migration) -> Gate:
    """One row of each partition is asked for."""
    leaves = [found.target.shape.named(each) for each in found.target.partitions]
    each = " + ".join(f"(SELECT count(*) FROM (SELECT FROM ONLY {leaf} LIMIT 1) AS s)" for leaf in leaves)
    try:
        async with client.reading() as session:
            filled = await session.fetchval(f"SELECT {each}")
    except (AccessDenied, BadAnswer, NotThere) as error:
        return Gate("readable", Status.RED, f"Not every partition can be read: {error.message}")
    return Gate("readable", Status.OK, f"All {len(leaves)} partitions answer; {filled} of them hold rows.")


def _writable(wrote: Proof | None, stamp: str) -> Gate:
    if wrote is None or not _of(wrote, stamp):
        return Gate("writable", Status.WARNING, "Not tried yet: --verify --probe writes to each and rolls back.")
    at, body = f"{wrote.made_at:%m-%d %H:%M} UTC", wrote.body
    if body["error"]:
        return Gate("writable", Status.RED, f"{body['worked']} of {body['partitions']} took a row: {body['error']}")
    if body["untried"]:
        return Gate("writable", Status.WARNING, f"{body['untried']} were not tried: the table has no row to copy.")
    return Gate("writable", Status.OK, f"All {body['partitions']} partitions took a row, rolled back, at {at}.")


def _constraints(live: Shape, old: Shape) -> Gate:
    """What was not validated before the move is no news; anything else is."""
    now, before = live.unvalidated, old.unvalidated
    if new := sorted(now - before):
        return Gate("constraints", Status.RED, f"Not validated: {', '.join(map(display_text, new))}.")
    if now:
        names = ", ".join(map(display_text, sorted(now)))
        return Gate("constraints", Status.WARNING, f"Not validated, as before the swap: {names}.")
    return Gate("constraints", Status.OK, "Every check and foreign key is validated.")


def errors_gate(now: Errors, new: Since | None) -> Gate:
    """Errors since the swap, and the applications that sit in a failed transaction now."""
    broken = ", ".join(f"{name} ({number})" for name, number in now.broken.items())
    if new is None:
        said = f"In a failed transaction now: {broken}." if broken else "No application sits in a failed transaction."
        return Gate("errors", Status.WARNING, f"{said} The counters at the swap are not known here.")
    said = f"{new.failed:,} of {new.transactions:,} transactions failed since the swap, {new.deadlocks} deadlocks"
    if new.more > GATE:
        return Gate("errors", Status.RED, f"{said}: {new.more:.1f} % more than usual. {_who(broken)}")
    return Gate("errors", Status.WARNING if broken or new.deadlocks else Status.OK, f"{said}. {_who(broken)}")


def _who(broken: str) -> str:
    return f"In a failed transaction now: {broken}." if broken else "No application sits in a failed one now."


def _backup(found: Migration, there: bool) -> Gate:
    if found.stage is Stage.DROPPED:
        return Gate("backup", Status.OK, "The old table was dropped on purpose.")
    if not there:
        return Gate("backup", Status.RED, f"{found.target.backup} is gone: there is nothing to go back to.")
    until = f"{found.retention_until:%Y-%m-%d %H:%M} UTC" if found.retention_until else "somebody drops it"
    return Gate("backup", Status.OK, f"{found.target.backup} is kept until {until}.")


def inserts_gate(found: Gain) -> Gate:
    """How long inserts take, as measured, whatever it is."""
    return Gate("inserts", Status.OK if found.enough else Status.WARNING, f"An insert: {found.short}.")


# Writing


async def write_everywhere(token: Token, client: PostgresClient, found: Migration) -> Written:
    """Inserts a row into each partition, in one transaction that is rolled back. Raises BackendError."""
    async with client.writing(token, PROBE_MS) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"{client.target.opening} SET LOCAL lock_timeout = {LOCK_MS}")
            return await _written(connection, await read_shape(connection), found)
        finally:
            await transaction.rollback()


async def _written(connection: Connection[Record], shape: Shape, found: Migration) -> Written:
    names = found.target.partitions
    if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {shape.table})"):
        return Written(len(names), 0, len(names))
    failures = [await _write(connection, shape, found, number) for number in range(len(names))]
    wrong = [each for each in failures if each]
    return Written(len(names), len(names) - len(wrong), 0, wrong[0] if wrong else "")


async def _write(connection: Connection[Record], shape: Shape, found: Migration, number: int) -> str:
    """Why a partition took no row; "" where it did."""
    from asyncpg import ForeignKeyViolationError, PostgresError

    leaf = shape.named(found.target.partitions[number])
    statement, values = insert_copy(shape, f"FROM ONLY {leaf} o LIMIT 1"), []
    if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM ONLY {leaf})"):
        collection = await _collection_for(connection, shape, found.target.layout, number)
        key = "" if found.target.layout == "hash" else f"{number}"
        of_type = f"$1::{_type(shape)}"
        statement, values = insert_copy(shape, f"FROM {shape.table} o LIMIT 1", of_type, key), [collection]
    try:
        async with connection.transaction():
            into = await connection.fetchval(f"{statement} RETURNING tableoid::regclass::text", *values)
    except ForeignKeyViolationError:
        return "" if values else f"{leaf}: a foreign key refuses a copy of its own row"
    except PostgresError as error:
        return f"{leaf}: {display_text(str(error))}"
    right = await connection.fetchval("SELECT $1::text::regclass = $2::text::regclass", into, leaf)
    return "" if right else f"{leaf}: its row went to {into}"


async def _collection_for(connection: Connection[Record], shape: Shape, layout: str, number: int) -> str:
    """The name of a collection that belongs into the partition. It is no real one: a foreign key will say so, once the
    partition took the row.
    """
    belongs = f"{SAFE_KEY} = $1"
    if layout == "hash":
        belongs = f"satisfies_hash_partition('{shape.table}'::regclass, {PARTITIONS}, $1, collection_id)"
    return str(
        await connection.fetchval(
            f"SELECT collection_id FROM (SELECT ('console-' || n)::{_type(shape)} AS collection_id"
            f" FROM generate_series(1, {TRIED_NAMES}) AS n) AS s WHERE {belongs} LIMIT 1",
            number,
        )
    )


def _type(shape: Shape) -> str:
    column: Mapping[str, Any] | None = shape.column("collection_id")
    return str(column["type"]) if column else "text"
