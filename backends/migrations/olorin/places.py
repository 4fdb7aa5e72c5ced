"""From where to where: both databases, and reading them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget
from backends.migrations.identity import not_two, require_two
from backends.migrations.separation import Move

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase


@dataclass(frozen=True, slots=True)
class Places:
    """Both databases of the separation. move: the flag, and where the collections go."""

    mongo: MongoClients
    source: MongoTarget
    move: Move

    @property
    def target(self) -> MongoTarget:
        """Where the collections go. Raises NotConfigured."""
        if isinstance(self.move.target, BackendError):
            raise self.move.target
        return self.move.target

    async def not_two(self) -> str:
        """Why source and target are one database, or can't be told apart; "" for two. Raises BackendError."""
        return await not_two(self.mongo, self.source, self.target)

    async def require_two(self) -> None:
        """Raises Refused unless source and target are shown to be two databases; BackendError."""
        await require_two(self.mongo, self.source, self.target)

    @asynccontextmanager
    async def reading_source(self) -> AsyncIterator[ReadingDatabase]:
        """The source as its primary has settled it, so that nothing read can be rolled back. Raises BackendError."""
        async with self.mongo.reading_at(self.source) as database:
            yield database.settled()

    @asynccontextmanager
    async def reading_target(self) -> AsyncIterator[ReadingDatabase]:
        """The target as its primary has settled it. Raises BackendError."""
        async with self.mongo.reading_at(self.target) as database:
            yield database.settled()


async def kinds_of(database: ReadingDatabase) -> Mapping[str, Mapping[str, Any]]:
    """Name → what the server says of the collection. Raises BackendError."""
    from backends.backup.mongo_dump import collections_of

    return {each["name"]: each for each in await collections_of(database)}


async def indexes_at(database: ReadingDatabase, name: str, there: bool = True) -> list[Mapping[str, Any]]:
    """The indexes of a collection, none where it isn't there. Raises BackendError."""
    from backends.backup.mongo_dump import indexes_of

    return await indexes_of(database, name) if there else []
