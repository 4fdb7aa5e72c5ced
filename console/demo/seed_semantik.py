"""Seeds the database `semantik`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from console.demo.seed_orchestration import load
from console.demo.semantik_seed import Row

DATABASE = "semantik"
SERIALS = ("users", "chunking_strategies", "chunking_configs", "operations", "migration_backups", "chunks")
"""Tables whose ids a sequence goes on with."""

_FOLDER = Path(__file__).parent


async def write(url: str, rows: Mapping[str, list[Row]]) -> None:
    """Create the tables, load them, then index them. Raises PostgresError."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute((_FOLDER / "semantik.sql").read_text())
            keys = await _partition_keys(connection, [collection["id"] for collection in rows["collections"]])
            for table, found in rows.items():
                if table == "chunks":
                    found = [chunk | {"partition_key": keys[chunk["collection_id"]]} for chunk in found]
                await load(connection, table, found)
            for table in SERIALS:
                await connection.execute(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
            await connection.execute((_FOLDER / "semantik_indexes.sql").read_text())
    finally:
        await connection.close()


async def _partition_keys(connection: asyncpg.Connection[asyncpg.Record], collections: list[str]) -> dict[str, int]:
    """The application sends the key that the trigger computes."""
    found = await connection.fetch("SELECT id, get_partition_key(id) FROM unnest($1::varchar[]) id", collections)
    return {record["id"]: record["get_partition_key"] for record in found}
