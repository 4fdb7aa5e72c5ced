"""Whether the bots' database can be read: the five tables that everything else is told from, a row of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.bots.queries import sql

if TYPE_CHECKING:
    from backends.clients.postgres import Session

TABLES: Final = ("bot_sessions", "audio_files", "transcripts", "translations", "correlations")
"""Tables that the health check reads from."""


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """Which tables can be read; status is healthy where all can be. last_check is the server's clock (UTC)."""

    status: str
    database_connected: bool
    tables_accessible: tuple[str, ...]
    last_check: datetime

    @property
    def missing(self) -> tuple[str, ...]:
        """Tables that are not there, or that we may not read."""
        return tuple(name for name in TABLES if name not in self.tables_accessible)


async def database_health(connection: Session) -> DatabaseHealth:
    """Two round trips: the catalogue, then a row of each table. Raises what the driver raises."""
    readable = tuple(row["name"] for row in await connection.fetch(sql("readable"), list(TABLES)))
    rows = "".join(f", (SELECT 1 FROM public.{name} LIMIT 1)" for name in readable)
    checked = await connection.fetchrow(f"SELECT clock_timestamp() AS at{rows}")
    assert checked is not None  # a SELECT without FROM has one row
    status = "healthy" if len(readable) == len(TABLES) else "unhealthy"
    return DatabaseHealth(status, True, readable, checked["at"])
