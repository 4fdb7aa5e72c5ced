"""Taking the bot-session schema to another revision: one transaction, a lock timeout, counts and a proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.clients.errors import Refused, VerificationFailed
from backends.clients.orm import core_connection
from backends.clients.postgres import PostgresClient, postgres_errors
from backends.migrations.blockers import in_the_way
from backends.migrations.schema_revisions import environment, locks, revisions, scripts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backends.clients.postgres import Session
    from backends.safety.gate import Token

LOCK_TIMEOUT_MS: Final = 2_000
TURN_TIMEOUT_MS: Final = 60_000
UPGRADING: Final = 0x736368656D61  # "schema": two upgrades at once wait for each other

HELD: Final = ("ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE")
"""Locks of steps that convert data, the stronger first; both keep writers out."""

Digest = Mapping[str, tuple[int, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What going to a revision did. counts: rows that a step changed; rows: of each table, none lost."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    counts: Mapping[str, int]
    rows: Mapping[str, int]


async def go_to(token: Token, client: PostgresClient, target: str, *, back: bool = False) -> Moved:
    """Upgrades to the revision, or goes back to it.

    Raises Refused (nothing was changed) where there is no such way or a lock was not to be had, VerificationFailed
    (nothing was changed) where the data would not be the same, BackendError.
    """
    token.require("schema.downgrade" if back else "schema.upgrade", client.target.where)
    if len(heads := revisions().heads) > 1:
        raise Refused(f"The revisions have {len(heads)} heads: {', '.join(heads)}.", hint="Merge them first.")
    try:
        async with client.writing(token, 0) as connection:
            return await _on(connection, client, target, back)
    except LockTimeout as error:
        hint = f"Nothing was changed. {await in_the_way(client, _tables())}"
        raise Refused("A lock was not to be had in time.", where=client.target.where, hint=hint) from error


class LockTimeout(Exception):
    """The server gave up waiting for a lock."""


async def _on(connection: Session, client: PostgresClient, target: str, back: bool) -> Moved:
    from asyncpg import LockNotAvailableError

    with postgres_errors(client.target):
        try:
            async with core_connection(connection) as core:
                return await core.run_sync(_move, target, back)
        except LockNotAvailableError as error:
            raise LockTimeout from error


def _move(connection: Connection, target: str, back: bool) -> Moved:
    from alembic.runtime.migration import MigrationContext

    counts: dict[str, int] = {}
    with connection.begin():
        # Nobody waits behind this one, so another upgrade may take its time.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {TURN_TIMEOUT_MS}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADING})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        versions = MigrationContext.configure(connection)
        before = versions.get_current_heads()
        held = _hold_writers(connection, locks(before, target, back=back))
        digest = _digest(connection)
        with environment(scripts(), target, back=back) as alembic:
            alembic.configure(connection=connection, counts=counts)
            alembic.run_migrations()
        now = _digest(connection)
        # Without a lock nothing is converted, and others may have written meanwhile.
        return Moved(before, versions.get_current_heads(), counts, _prove(digest if held else now, now))


def _hold_writers(connection: Connection, asked: Sequence[str]) -> bool:
    """Takes the strongest lock of all steps at once, on every table that is there: what is compared afterwards is what
    they did, and no other's change is lost between two of their statements.
    """
    from sqlalchemy import inspect

    from backends.bots.schema import Base

    mode = next((mode for mode in HELD if mode in asked), None)
    inspector = inspect(connection)
    there = [name for name in Base.metadata.tables if inspector.has_table(name)]
    if mode and there:
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(there)} IN {mode} MODE")
    return mode is not None


def _digest(connection: Connection) -> Digest:
    """Of each table of model A: its rows, and each column of times as one number, read as UTC where it has no zone."""
    from sqlalchemy import DateTime, inspect

    inspector, found = inspect(connection), {}
    for table in _tables():
        if not inspector.has_table(table):
            continue
        times = [each["name"] for each in inspector.get_columns(table) if isinstance(each["type"], DateTime)]
        sums = [f"'{name}=' || coalesce(sum(extract(epoch FROM {name}))::text, '')" for name in sorted(times)]
        row = connection.exec_driver_sql(f"SELECT {', '.join(['count(*)', *sums])} FROM {table}").one()
        found[table] = (row[0], tuple(row[1:]))
    return found


def _prove(before: Digest, after: Digest) -> dict[str, int]:
    """The rows of each table. Raises VerificationFailed unless no row is lost and every time is the same instant."""
    rows = {}
    for table, (count, times) in after.items():
        rows[table] = count
        old_count, old_times = before.get(table, (0, times))
        kept = [each for each in old_times if not _may_change(table, each)]
        if old_count != count or any(each not in times for each in kept):
            raise VerificationFailed(f"The table {table} would not hold the same rows and times.")
    return rows


def _may_change(table: str, time: str) -> bool:
    # The one column that a step fills; that step proves it by itself.
    return table == "bot_sessions" and time.startswith("ended_at=")


def _tables() -> tuple[str, ...]:
    from backends.migrations.model_a import TABLES

    return TABLES
