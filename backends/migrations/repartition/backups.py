"""The platform's own list of backups, `migration_backups`, where there is one: it names the old table while kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from backends.migrations.repartition.ddl import Target

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.clients.postgres import Session


async def enter(connection: Connection[Record], target: Target, rows: int, retain_h: float) -> None:
    """Enters the old table, in the transaction of the swap."""
    if table := await _there(connection, target):
        await connection.execute(
            f"INSERT INTO {table} (backup_table_name, original_table_name, record_count, migration_revision,"
            " retention_until) VALUES"
            " ($1, 'chunks', least($2::bigint, 2147483647)::int, $3, clock_timestamp() + make_interval(secs => $4))",
            target.backup,
            rows,
            target.stamp,
            retain_h * 3600,
        )


async def extend(connection: Connection[Record], target: Target, until: datetime | None) -> None:
    """Keeps it at least until then."""
    if table := await _there(connection, target):
        said = f"UPDATE {table} SET retention_until = greatest(retention_until, $2) WHERE backup_table_name = $1"
        await connection.execute(said, target.backup, until)


async def strike(connection: Connection[Record], target: Target) -> None:
    """Strikes it off, in the transaction that drops it, or puts it into use again."""
    if table := await _there(connection, target):
        await connection.execute(f"DELETE FROM {table} WHERE backup_table_name = $1", target.backup)


async def kept_until(session: Session, target: Target) -> datetime | None:
    """How long others want it kept; None where nobody said so."""
    if table := await _there(session, target):
        said = f"SELECT max(retention_until) FROM {table} WHERE backup_table_name = $1"
        found: datetime | None = await session.fetchval(said, target.backup)
        return found
    return None


async def _there(session: Session, target: Target) -> str:
    table = target.shape.named("migration_backups")
    return table if await session.fetchval("SELECT to_regclass($1) IS NOT NULL", table) else ""
