"""Reads runs from where they are recorded: a Mongo collection, a Postgres table. No record yet is no run yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import MongoTarget
from backends.runs.model import RUNS, Run
from backends.safety.secrets import mask
from backends.safety.text import display_text

NEWEST: Final = 50
"""Runs read at most."""

ANSWER_MS: Final = 5_000


async def mongo_runs(mongo: MongoClients, target: MongoTarget) -> tuple[Run, ...]:
    """The newest runs that change the Mongo database. Raises BackendError."""
    async with mongo.reading_at(target) as database:
        cursor = database[RUNS].find({}, limit=NEWEST, max_time_ms=ANSWER_MS).sort([("since", -1), ("_id", 1)])
        return tuple(_run({**record, "id": record["_id"]}) for record in await cursor.to_list(NEWEST))


async def postgres_runs(client: PostgresClient) -> tuple[Run, ...]:
    """The newest runs that change the Postgres database. Raises BackendError."""
    async with client.reading(ANSWER_MS) as session:
        if not await session.fetchval(query(__file__, "there")):
            return ()
        return tuple(_run(dict(record)) for record in await session.fetch(query(__file__, "newest"), NEWEST))


def _run(record: Mapping[str, Any]) -> Run:
    return Run(
        id=_text(record.get("id")),
        kind=_text(record.get("kind")),
        state=_text(record.get("state")),
        done=_count(record.get("done")),
        total=_count(record.get("total")),
        holder=_text(record.get("holder")) or None,
        since=_time(record.get("since")),
        why=_text(record.get("why")),
    )


def _text(value: object) -> str:
    return "" if value is None else display_text(mask(str(value)))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
