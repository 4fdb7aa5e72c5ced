"""The bot sessions' database: which revision it is at, and what of the model's tables is there."""

from __future__ import annotations

import asyncio

from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.migrations.chunks import runs_of
from backends.migrations.estimates import estimated_rows
from backends.migrations.model import BOT_TABLES, BotSchema, BotTable
from backends.migrations.schema_revisions import pending, revisions
from backends.safety.text import display_text


async def bot_schema(client: PostgresClient) -> BotSchema:
    """The database as it is now. Raises BackendError."""
    async with client.reading() as session:
        found = await session.fetch(query(__file__, "bot_tables"), list(BOT_TABLES))
        there = await session.fetchval(query(__file__, "alembic_there"))
        versions = await session.fetch(query(__file__, "alembic_version")) if there else None
    rows = {row["name"]: dict(row) for row in found}
    current = tuple(display_text(row["version_num"]) for row in versions) if versions is not None else None
    known = await asyncio.to_thread(revisions)
    ahead, unknown = await asyncio.to_thread(_ahead, current)
    return BotSchema(
        current,
        tuple(
            BotTable(name, True, estimated_rows(rows[name]), rows[name]["bytes"])
            if name in rows
            else BotTable(name, False, None, None)
            for name in BOT_TABLES
        ),
        await runs_of(client),
        known.history,
        known.heads,
        ahead,
        unknown,
    )


def _ahead(current: tuple[str, ...] | None) -> tuple[tuple[str, ...], str]:
    """The steps that are pending, and why that can't be told."""
    try:
        return pending(current), ""
    except Refused as error:
        return (), error.message
