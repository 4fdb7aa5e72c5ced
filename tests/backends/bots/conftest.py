"""The bot sessions' tables in a database of the test's own, and ways to fill them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from backends.bots.schema import Base
from backends.bots.service import BotsService
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

QUICK = PoolLimits(max=1, min=0, wait_s=5.0, connect_s=5.0)


@dataclass(slots=True)
class Store:
    """Fills the tables by plain SQL, as the service's own writers do."""

    connection: Connection

    async def insert(self, table: str, **values: Any) -> str:
        """Inserts one row, with an id of its own where none is given, and returns the id."""
        key = KEYS[table]
        values = {key: str(uuid4()), **values}
        places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
        await self.connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())
        return str(values[key])

    async def session(self, **values: Any) -> str:
        """A session; started when it was created, unless told otherwise."""
        values = {"bot_id": "bot", "meeting_id": "meeting", "status": "active", "created_at": ago(60), **values}
        return await self.insert("bot_sessions", **{"started_at": values["created_at"], **values})

    async def line(
        self, session_id: str, text: str = "one two three", at: datetime | None = None, **values: Any
    ) -> str:
        """A transcript line, said just now unless told otherwise."""
        values = {"text": text, "language": "en", "source": "whisper", "start_time": at or ago(1), **values}
        return await self.insert("transcripts", session_id=session_id, **values)

    async def event(self, session_id: str, name: str = "chunk_received", **values: Any) -> str:
        """An event of the pipeline."""
        values = {"event_type": "pipeline", "source": "test", "timestamp": ago(1), **values}
        return await self.insert("session_events", session_id=session_id, event_name=name, **values)


KEYS = {
    "audio_files": "file_id",
    "bot_sessions": "session_id",
    "correlations": "correlation_id",
    "participants": "participant_id",
    "processing_metrics": "id",
    "session_events": "event_id",
    "transcripts": "transcript_id",
    "translations": "translation_id",
}


def ago(seconds: float) -> datetime:
    """So many seconds before now."""
    return datetime.now(UTC) - timedelta(seconds=seconds)


async def create_tables(url: str) -> None:
    """Model A, as it is defined."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


@pytest.fixture
async def bots_database(postgres_database: str) -> str:
    """The URL of a database with empty tables."""
    await create_tables(postgres_database)
    return postgres_database


@pytest.fixture
async def store(bots_database: str) -> AsyncIterator[Store]:
    """The tables, to be filled."""
    connection = await asyncpg.connect(bots_database)
    yield Store(connection)
    await connection.close()


@pytest.fixture
async def bots(postgres_database: str) -> AsyncIterator[BotsService]:
    """The service, as the console makes it."""
    client = PostgresClient(PostgresTarget(postgres_database, "ORCHESTRATION_DATABASE_URL"), QUICK)
    yield BotsService(client)
    await client.aclose()
