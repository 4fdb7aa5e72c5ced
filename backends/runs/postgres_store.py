"""Runs in Postgres: tables `console_run…` of the database that the runs change, made by the first run."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.runs.model import Control, Halt, Lease, NewRun, Run
from backends.runs.records import control_record, halt_of, lease_of, run_of
from backends.runs.store import RunKey, RunStore, Timing, Worker
from backends.safety.mirrors import PostgresMirror

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.clients.postgres import Session
    from backends.safety.gate import Token

ANSWER_MS: Final = 5_000
CREATING: Final = 0x6F6C6F72696E  # "olorin": whoever creates our tables holds this lock

_JSON: Final = ("options", "progress", "history", "holder", "body")


class PostgresRunStore(RunStore):
    """The runs that change one Postgres database."""

    def __init__(self, client: PostgresClient, timing: Timing | None = None) -> None:
        self._client = client
        self._timing = timing or Timing()

    @property
    def where(self) -> str:
        return self._client.target.where

    async def page(self, limit: int, after: RunKey | None = None) -> tuple[Run, ...]:
        place = (after.created_at, after.id) if after else (None, None)
        async with self._client.reading(ANSWER_MS) as session:
            if not await _there(session):
                return ()
            rows = await session.fetch(query(__file__, "page"), limit, *place)
            return tuple(self._run(dict(row)) for row in rows)

    async def run(self, run_id: str) -> Run | None:
        async with self._client.reading(ANSWER_MS) as session:
            row = await session.fetchrow(query(__file__, "run"), run_id) if await _there(session) else None
            return None if row is None else self._run(dict(row))

    async def lease(self, scope: str) -> Lease | None:
        async with self._client.reading(ANSWER_MS) as session:
            row = await session.fetchrow(query(__file__, "lease"), scope) if await _there(session) else None
            return None if row is None else lease_of(decoded(dict(row)))

    async def halts(self) -> tuple[Halt, ...]:
        async with self._client.reading(ANSWER_MS) as session:
            rows = await session.fetch(query(__file__, "halts")) if await _there(session) else []
            return tuple(halt_of(dict(row)) for row in rows)

    async def create(self, token: Token, run: NewRun, who: str, version: str) -> None:
        said = (run.id, run.kind, run.where, run.scope, run.plan, json.dumps(dict(run.options)), who, version)
        async with self._writing(token) as connection:
            await connection.execute(query(__file__, "create"), *said)

    async def control(
        self, token: Token, run_id: str, fields: Mapping[str, object], seen: Control | None = None
    ) -> None:
        same = (seen is None, seen and seen.at)
        async with self._writing(token) as connection:
            await connection.execute(query(__file__, "control"), run_id, json.dumps(control_record(fields)), *same)

    async def halt(self, token: Token, halt: Halt) -> None:
        async with self._writing(token) as connection:
            await connection.execute(query(__file__, "halt"), halt.kind, halt.who, halt.why)

    async def lift(self, token: Token, kind: str) -> bool:
        async with self._writing(token) as connection:
            return bool(await connection.fetchval("DELETE FROM console_run_halts WHERE kind = $1 RETURNING true", kind))

    @asynccontextmanager
    async def worker(self, token: Token) -> AsyncIterator[Worker]:
        from backends.runs.postgres_worker import PostgresWorker

        async with PostgresWorker(self._client, token, self._timing) as worker:
            yield worker

    def mirror(self) -> PostgresMirror:
        return PostgresMirror(self._client)

    @asynccontextmanager
    async def _writing(self, token: Token) -> AsyncIterator[Connection[Record]]:
        """A connection that may write, on which the runs' tables are there."""
        async with self._client.writing(token, ANSWER_MS) as connection:
            if not await _there(connection):
                async with connection.transaction():
                    # Two that create them at once would fail on the catalogue's own keys.
                    await connection.execute(f"SELECT pg_advisory_xact_lock({CREATING})")
                    await connection.execute(query(__file__, "tables"))
            yield connection

    def _run(self, row: Mapping[str, Any]) -> Run:
        found = decoded(row)
        asked = {"who": found["asked_by"], "why": found["asked_why"], "at": found["asked_at"]}
        control = {name: found[name] for name in ("want", "batch", "pace")} if found["want"] else {}
        lease = None
        if found["token"] is not None:
            lease = lease_of({**found, "id": found["scope"], "since": found["held_since"]})
        checkpoint = {"progress": found["progress"], "at": found["saved_at"]}
        return run_of(found, checkpoint, {**control, **asked}, lease, self._timing.expiry_s)


def decoded(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, its JSON read: the driver gives that as text."""
    return {name: json.loads(value) if name in _JSON and value else value for name, value in row.items()}


async def _there(session: Session) -> bool:
    return bool(await session.fetchval(query(__file__, "there")))
