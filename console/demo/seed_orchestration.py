"""Seeds the database `orchestration` from the product's own schema, and moves its times when it is used again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from console.demo.bots_family import Rows

if TYPE_CHECKING:
    from sqlalchemy import MetaData

DATABASE = "orchestration"
_TIMES = """
    -- Every table with its columns of time, but the console's own tables.
    SELECT table_name, string_agg(format('%1$I = %1$I + $1', column_name), ', ')
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type = 'timestamp with time zone'
      AND table_name NOT LIKE 'console%'
    GROUP BY table_name
"""


async def write(url: str, rows: Rows) -> None:
    """Create the tables, load them, then index them and install the triggers. Raises PostgresError."""
    from backends.bots.notifications import INSTALL
    from backends.bots.schema import Base

    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(_tables(Base.metadata))
            for table in Base.metadata.sorted_tables:
                if found := rows.get(table.name):
                    await load(connection, table.name, found)
            await connection.execute(_indexes(Base.metadata))
            await connection.execute(";\n".join(INSTALL))
    finally:
        await connection.close()


async def load(connection: asyncpg.Connection[asyncpg.Record], table: str, rows: list[dict[str, object]]) -> None:
    """COPY rows that all have the same columns."""
    columns = list(rows[0])
    records = [tuple(row[column] for column in columns) for row in rows]
    await connection.copy_records_to_table(table, columns=columns, records=records)


def _tables(metadata: MetaData) -> str:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return ";\n".join(str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables)


def _indexes(metadata: MetaData) -> str:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    indexes = (index for table in metadata.sorted_tables for index in table.indexes)
    return ";\n".join(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes)


async def shift(url: str, by: timedelta) -> None:
    """Move every time in the database forward, so that data of an earlier start looks as if seeded now."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for table, changes in await connection.fetch(_TIMES):
                await connection.execute(f"UPDATE {table} SET {changes}", by)
    finally:
        await connection.close()
