"""Executing runs in Postgres: each batch one transaction that holds the lease's key and commits its checkpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

from backends.clients.errors import BadAnswer, CannotConnect
from backends.clients.postgres import PostgresClient, postgres_errors
from backends.clients.queries import inlined, query
from backends.runs.model import Checkpoint, Holder, Lease, Progress, Run, RunState
from backends.runs.postgres_store import ANSWER_MS, decoded
from backends.runs.records import control_of, halt_of, progress_of, progress_record
from backends.runs.store import Fence, Orders, Timing, TryAgain, Work, Worker, require_lease

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.safety.gate import Token

_REPEAT: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)
"""Another transaction was in the way, and ours was undone."""


@dataclass(slots=True)
class PostgresWork(Work):
    """A batch's transaction, and what it will save."""

    connection: Connection[Record]
    version: str = ""
    saved: tuple[str, str] = field(default=("{}", "{}"))

    @property
    def database(self) -> Any:
        raise TypeError("this run's records are in Postgres: there is no Mongo database")

    @property
    def session(self) -> Any:
        raise TypeError("this run's records are in Postgres: there is no Mongo session")

    def save(self, body: Mapping[str, Any], progress: Progress) -> None:
        self.saved = (json.dumps(dict(body)), json.dumps(progress_record(progress)))


class PostgresWorker(Worker):
    """The worker's two connections: one for batches, one for heartbeats and orders, which no batch holds up."""

    def __init__(self, client: PostgresClient, token: Token, timing: Timing) -> None:
        self._client = client
        self._token = token
        self._timing = timing
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()  # a connection answers one question at a time
        idle_ms = int(timing.idle_s * 1000)
        # LOCAL, since a pooler may give the session to somebody else after the batch.
        idle = f"SET LOCAL idle_in_transaction_session_timeout = {idle_ms};"
        self._opening = f"BEGIN READ WRITE; {client.target.opening} {idle}"
        self._beating: Connection[Record]
        self._working: Connection[Record]

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def reopen(self) -> None:
        async with self._turn:
            await self._stack.aclose()
            await self._open()

    async def claim(self, run: Run, holder: Holder, seen: Lease | None) -> Fence | None:
        said = (run.scope, run.id, json.dumps(asdict(holder)))
        with self._errors():
            if seen is None:
                token = await self._working.fetchval(query(__file__, "claim_first"), *said)
            else:
                token = await self._working.fetchval(query(__file__, "claim_next"), *said, seen.token)
            if token is None:
                return None
            if not await self._working.fetchval(query(__file__, "mark"), run.id, token):
                raise BadAnswer(f"The run {run.id} is not recorded any more.", where=self._client.target.where)
            return Fence(run.scope, run.id, token)

    async def beat(self, fence: Fence) -> bool:
        return bool(await self._ask("beat", fence.scope, fence.token))

    async def release(self, fence: Fence) -> None:
        await self._ask("release", fence.scope, fence.token)

    async def enter(self, fence: Fence, state: RunState, who: str, why: str) -> None:
        require_lease(await self._ask("enter", fence.scope, fence.token, fence.run_id, state.value, who, why), fence)

    async def resumed(self, fence: Fence) -> tuple[Checkpoint, Progress]:
        row = await self._ask("resumed", fence.scope, fence.token, fence.run_id)
        found = decoded(require_lease(row, fence))
        return Checkpoint(found["number"], found["body"], found["plan"], found["version"]), progress_of(
            found["progress"]
        )

    async def orders(self, run: Run) -> Orders:
        row = await self._ask("orders", run.id, run.kind)
        if row is None:
            raise BadAnswer(f"The run {run.id} has no control record.", where=self._client.target.where)
        halt = {"kind": row["halted"], "who": row["halted_by"], "why": row["halted_why"], "at": row["halted_at"]}
        return Orders(control_of(dict(row)), halt_of(halt) if row["halted"] else None, row["now"])

    async def note(self, fence: Fence, progress: Progress) -> None:
        saved = json.dumps(progress_record(progress))
        require_lease(await self._ask("note", fence.scope, fence.token, fence.run_id, saved), fence)

    @asynccontextmanager
    async def work(self, fence: Fence, before: Checkpoint) -> AsyncIterator[Work]:
        work = PostgresWork(self._working, before.version)
        with self._errors():
            try:
                await self._begin(fence, before)
                yield work
                await self._commit(fence, work)
            except (TimeoutError, asyncio.CancelledError):
                # A server that doesn't answer won't answer a ROLLBACK either.
                self._working.terminate()
                raise
            except BaseException:
                await self._roll_back()
                raise

    async def _begin(self, fence: Fence, before: Checkpoint) -> None:
        """Opens the transaction behind the fence, in one message."""
        held = inlined(query(__file__, "begin"), fence.scope, fence.token, fence.run_id, before.number)
        if await self._working.execute(f"{self._opening} {held}") == "SELECT 1":
            return
        said = (fence.scope, fence.token, fence.run_id)
        require_lease(await self._working.fetchrow(query(__file__, "resumed"), *said), fence)
        raise TryAgain("The checkpoint is another one by now.", where=self._client.target.where)

    async def _commit(self, fence: Fence, work: PostgresWork) -> None:
        """Saves the checkpoint and ends the transaction, in one message."""
        await self._working.execute(f"{self._saving(fence, work)} COMMIT")

    def _saving(self, fence: Fence, work: PostgresWork) -> str:
        return inlined(query(__file__, "save"), fence.run_id, *work.saved, work.version)

    async def _roll_back(self) -> None:
        try:
            await self._working.execute("ROLLBACK")
        except Exception:  # without its answer the next batch could still be inside of this transaction
            self._working.terminate()

    async def _ask(self, name: str, *values: object) -> Any:
        """The first row of a query on the connection that no batch uses; None where there is none."""
        async with self._turn:
            with self._errors():
                return await self._beating.fetchrow(query(__file__, name), *values)

    async def _open(self) -> None:
        enter = self._stack.enter_async_context
        self._beating = await enter(self._client.writing(self._token, ANSWER_MS))
        self._working = await enter(self._client.writing(self._token, 0))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with postgres_errors(self._client.target):
            try:
                yield
            except _REPEAT as error:
                raise TryAgain("Another transaction was in the way.", where=self._client.target.where) from error
            except asyncpg.InterfaceError as error:
                if self._working.is_closed() or self._beating.is_closed():
                    raise CannotConnect("The connection was lost.", where=self._client.target.where) from error
                raise
