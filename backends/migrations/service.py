"""What the migrations screen and `olorin migrate` ask for. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import Role
from backends.migrations import chunks, schema
from backends.migrations.model import BotSchema, Chunks, Runs, Separation
from backends.migrations.rules import (
    chunks_summary,
    runs_summary,
    schema_summary,
    separation_summary,
    worst_of,
)
from backends.migrations.separation import Move, separation
from backends.sampling.state import State, Summary

T = TypeVar("T")


class MigrationsService:
    """The three migrations, each asked for by itself, so that a server that is down hides only its own.

    move says where Olorin's data is to go; the Postgres clients are those of the chunks and of the bot sessions.
    """

    def __init__(
        self, mongo: MongoClients, move: Move, chunks_database: PostgresClient, bots_database: PostgresClient
    ) -> None:
        self._mongo = mongo
        self._move = move
        self._chunks = chunks_database
        self._bots = bots_database

    async def olorin(self) -> Separation:
        """Olorin's separation: both sides' collections, counted. Raises BackendError where neither can be asked."""
        return await separation(self._mongo, self._mongo.target(Role.MAIN), self._move)

    async def chunks(self) -> Chunks:
        """The chunks table: layout, key, partitions. Raises BackendError."""
        return await chunks.chunks(self._chunks)

    async def schema(self) -> BotSchema:
        """The bot sessions' schema version and tables. Raises BackendError."""
        return await schema.bot_schema(self._bots)

    async def summary(self) -> Summary:
        """The worst of the three, in one line."""
        parts = await asyncio.gather(
            _part("olorin", self.olorin, lambda found: [separation_summary(found), *_of_runs(found.runs)]),
            _part("chunks", self.chunks, lambda found: [chunks_summary(found), *_of_runs(found.runs)]),
            _part("schema", self.schema, lambda found: [schema_summary(found), *_of_runs(found.runs)]),
        )
        return worst_of(each for part in parts for each in part)


async def _part(
    name: str, read: Callable[[], Awaitable[T]], judge: Callable[[T], list[Summary]]
) -> list[tuple[str, Summary]]:
    try:
        return [(name, each) for each in judge(await read())]
    except BackendError as error:
        problem = error.problem()
        state = State.NOT_CONFIGURED if problem.kind == "not configured" else State.NO_DATA
        return [(name, Summary(state, f"{problem.kind}: {problem.message}"))]


def _of_runs(runs: Runs) -> list[Summary]:
    """A word about runs only where there is one to say."""
    return [runs_summary(runs)] if runs.runs or runs.problem else []
