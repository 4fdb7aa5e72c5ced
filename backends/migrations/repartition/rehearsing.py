"""A rehearsal: execute, swap and rollback on a sampled clone in a schema of its own, which goes afterwards."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from backends.clients.errors import BackendError, CannotConnect, Refused
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition.book import RETAIN_H
from backends.migrations.repartition.cloning import clone
from backends.migrations.repartition.service import RepartitionService
from backends.migrations.repartition.shape import TABLE, quoted
from backends.migrations.repartition.swapping import ChunksRun
from backends.migrations.repartition.undoing import ChunksUndo
from backends.runs.model import NewRun, Run, RunState
from backends.runs.postgres_store import PostgresRunStore
from backends.safety.gate import Act
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.runs.job import Job
    from backends.runs.runner import Runner, Verdict
    from backends.runs.store import RunStore
    from backends.safety.gate import Consent, Gate, Token

ACT: Final = "chunks.rehearse"
CLONING_MS: Final = 600_000
CLEARING_MS: Final = 600_000
_SCHEMA: Final = "console_rehearsal_"
_ABANDONED: Final = """
    SELECT nspname::text AS name FROM pg_namespace
    WHERE nspname ~ '^console_rehearsal_[0-9]{8}_[0-9]{6}$'
      AND to_timestamp(right(nspname, 15), 'YYYYMMDD_HH24MISS') < clock_timestamp() - interval '1 day'
"""

MakeRunner = Callable[["RunStore", Callable[[Run], "Job"]], "Runner"]
"""What executes the runs of a store with these jobs, here in this process."""

MakeService = Callable[[PostgresClient], RepartitionService]


@dataclass(frozen=True, slots=True)
class Played:
    """A step of the rehearsal: how it ended, and in how many seconds."""

    step: str
    state: str
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal came to. rows: of the sample; lock_ms: the swap held its lock so long, None where it came not
    so far.
    """

    passed: bool
    rows: int
    steps: tuple[Played, ...]
    lock_ms: float | None = None

    @property
    def said(self) -> str:
        """The result in one sentence."""
        if self.passed:
            steps = ", ".join(f"{each.step} {each.seconds:.1f} s" for each in self.steps)
            return f"{self.rows:,} rows: {steps}; lock held {self.lock_ms or 0:.0f} ms; every row came back the same"
        last = self.steps[-1]
        return f"{last.step} {last.state}: {last.why}"


class Rehearsal:
    """Rehearses on the server of the client. service: for the client of the clone."""

    def __init__(self, client: PostgresClient, gate: Gate, runner: MakeRunner, service: MakeService) -> None:
        self._client, self._gate, self._runner, self._service = client, gate, runner, service

    def act(self) -> Act:
        """The act of rehearsing, for the gate."""
        return Act(ACT, self._client.target.where)

    async def play(self, token: Token, consent: Consent, layout: str, rows: int) -> Rehearsed:
        """Clones, plays every step as far as they go, and clears away. Raises BackendError where that can't be done."""
        token.require(ACT)
        at = utc_now()
        schema = f"{_SCHEMA}{at:%Y%m%d_%H%M%S}"
        try:
            await self._clear_old(token)
            async with self._client.writing(token, CLONING_MS) as connection, connection.transaction():
                await connection.execute(self._client.target.opening)
                copied = await clone(connection, schema, rows)
            return await self._on(schema, consent, layout, copied, at)
        except Refused:
            raise
        except BackendError as error:
            return Rehearsed(False, 0, (Played("clone", "failed", 0.0, error.message),))
        finally:
            async with self._client.writing(token, CLEARING_MS) as connection:
                await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")

    async def _clear_old(self, token: Token) -> None:
        """What a rehearsal that was killed left behind, a day ago or longer: none goes on for so long."""
        async with self._client.writing(token, CLEARING_MS) as connection:
            for row in await connection.fetch(_ABANDONED):
                await connection.execute(f"DROP SCHEMA {quoted(row['name'])} CASCADE")

    async def _on(self, schema: str, consent: Consent, layout: str, rows: int, at: datetime) -> Rehearsed:
        target = self._client.target
        path = quote(f"{schema}, public")
        url = f"{target.url}{'&' if '?' in target.url else '?'}search_path={path}"
        client = PostgresClient(replace(target, url=url))
        try:
            await _reach(client)
            stage = _Stage(client, self._gate, self._runner, self._service(client))
            return await stage.play(consent, layout, rows, at)
        finally:
            await client.aclose()


async def _reach(client: PostgresClient) -> None:
    """Raises Refused where something in between takes no search path, as PgBouncer: that says nothing of the table."""
    try:
        async with client.reading():
            return
    except CannotConnect as error:
        if "startup parameter" not in error.message:
            raise
        hint = "Name the server itself in CHUNKS_DATABASE_URL to rehearse."
        raise Refused("A pooler in between takes no search path.", where=error.where, hint=hint) from error


class _Stage:
    """The clone with the hands that play on it."""

    def __init__(self, client: PostgresClient, gate: Gate, runner: MakeRunner, service: RepartitionService) -> None:
        self._client, self._gate, self._service = client, gate, service
        self._runner = runner(PostgresRunStore(client), self._job)
        self._steps: list[Played] = []

    def _job(self, run: Run) -> Job:
        return ChunksRun(run, self._client) if run.kind == "chunks" else ChunksUndo(run, self._client)

    async def play(self, consent: Consent, layout: str, rows: int, at: datetime) -> Rehearsed:
        """The three steps, as far as they go."""
        before = await self._content()
        found = await self._service.preflight(layout)
        run = self._service.new_run(await self._service.plan(layout, found), at)
        played = await self._step("execute", RunState.HOLDING, lambda: self._begun(run, "chunks.execute", consent))
        played = played and await self._step("swap", RunState.DONE, lambda: self._swapped(run.id, consent))
        lock_ms = (await self._service.standing()).lock_ms
        played = played and await self._step("rollback", RunState.DONE, lambda: self._undone(consent, at))
        if played and await self._content() != before:
            self._steps.append(Played("comparing", "failed", 0.0, "the rows are not the same after the rollback"))
            played = False
        return Rehearsed(played, rows, tuple(self._steps), lock_ms)

    async def _step(self, name: str, wanted: RunState, do: Callable[[], Awaitable[Verdict]]) -> bool:
        began = time.monotonic()
        try:
            verdict = await do()
            state, why = verdict.state, verdict.why
        except BackendError as error:
            state, why = "refused", f"{error.message} {error.hint}".rstrip()
        self._steps.append(Played(name, state, round(time.monotonic() - began, 2), why))
        return state == wanted.value

    async def _begun(self, run: NewRun, act: str, consent: Consent) -> Verdict:
        await self._runner.create(run, act, consent)
        return await self._runner.execute(run.id, consent)

    async def _swapped(self, run_id: str, consent: Consent) -> Verdict:
        async with self._gate.act(self._service.act("swap"), consent) as token:
            await self._service.order_swap(token, RETAIN_H)
        return await self._runner.execute(run_id, consent)

    async def _undone(self, consent: Consent, at: datetime) -> Verdict:
        return await self._begun(self._service.undo_run(await self._service.newest(), at), "chunks.rollback", consent)

    async def _content(self) -> tuple[int, int]:
        """The rows and a number for all that they hold, key included."""
        async with self._client.studying(CLONING_MS) as session:
            row = await session.fetchrow(
                f"SELECT count(*), coalesce(sum(hashtextextended(c::text, 0)), 0)::text FROM {TABLE} c"
            )
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)
