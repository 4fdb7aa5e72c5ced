"""What the runs' page and `olorin runs` ask for and order: the runs of every configured database."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from backends.clients.errors import BackendError, NotConfigured, NotThere, Refused
from backends.runs.acquiring import check_halt, held, is_free, supersede, unless_halted
from backends.runs.detached import log_path, start_detached
from backends.runs.model import Halt, Holder, Run, RunState, Want
from backends.runs.rules import LIVELY
from backends.runs.store import RunKey, RunStore, Timing
from backends.safety.author import Author
from backends.safety.gate import Act, Token
from backends.sampling.reading import Problem

T = TypeVar("T")

PAGE: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs of all databases, newest first. next: where the following page begins, None after the last.

    problems: the databases that could not be asked; halts: the kinds that must not run.
    """

    runs: tuple[Run, ...] = ()
    next: RunKey | None = None
    problems: tuple[Problem, ...] = ()
    halts: tuple[Halt, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """Which databases took an order to all of them, and which could not be asked."""

    took: tuple[str, ...]
    missing: tuple[Problem, ...]

    @property
    def said(self) -> str:
        """What could not be asked, in words; "" for nothing."""
        return "; ".join(f"not in {each.where}: {each.message}" for each in self.missing)


class RunsService:
    """The runs of several databases.

    author: whose orders they are. state: the folder that logs are kept in. resume_command: run id and the typed name
    of the environment → the command that executes the run in a process of its own, and obeys what was ordered since.
    reading: the kinds that only read, which are recorded, and halted, where such runs are.
    """

    def __init__(
        self,
        stores: Sequence[RunStore],
        author: Author,
        state: Path,
        resume_command: Callable[[str, str], Sequence[str]],
        timing: Timing | None = None,
        reading: Collection[str] = (),
    ) -> None:
        self._stores = tuple(stores)
        self._reading = frozenset(reading)
        self._author = author
        self._state = state
        self._resume_command = resume_command
        self._timing = timing or Timing()

    # Reading

    async def page(self, limit: int = PAGE, after: RunKey | None = None) -> RunPage:
        """The newest runs below `after`. A database that can't be asked is a problem, and hides no other."""
        answers = await asyncio.gather(*(_asked(store, limit, after) for store in self._stores))
        runs = [run for answer in answers if isinstance(answer, RunPage) for run in answer.runs]
        runs.sort(key=lambda run: (run.created_at or _EPOCH, run.id), reverse=True)
        last = runs[limit - 1] if len(runs) >= limit else None
        key = RunKey(last.created_at, last.id) if last is not None and last.created_at is not None else None
        halts = {halt.kind: halt for answer in answers if isinstance(answer, RunPage) for halt in answer.halts}
        problems = [answer.problem() for answer in answers if isinstance(answer, BackendError)]
        unread = tuple(problem for problem in problems if problem.kind != NotConfigured.kind)
        return RunPage(tuple(runs[:limit]), key, unread, tuple(halts.values()))

    async def run(self, run_id: str) -> Run:
        """A run with its history. Raises NotThere and BackendError."""
        return (await self.found(run_id))[1]

    async def found(self, run_id: str) -> tuple[RunStore, Run]:
        """A run and where it is recorded. Raises NotThere; BackendError where a database that may have it is away."""
        away: BackendError | None = None
        for store in self._stores:
            try:
                run = await store.run(run_id)
            except NotConfigured:
                continue
            except BackendError as error:
                away = away or error
                continue
            if run is not None:
                return store, run
        raise away or NotThere(f"There is no run {run_id}.", hint="olorin runs list names them.")

    async def waits_elsewhere(self, store: RunStore, run: Run) -> bool:
        """Whether somebody executes the run and waits for a person's word. Raises BackendError."""
        lease = await store.lease(run.scope)
        held = lease is not None and lease.run_id == run.id and not is_free(lease, self._timing)
        return held and lease is not None and lease.age_s < self._timing.silent_s and run.control.want is Want.PAUSE

    async def check_start(self, run_id: str) -> None:
        """Raises Refused where its kind is halted, LeaseHeld where somebody has the right to execute it, and
        BackendError.
        """
        store, run = await self.found(run_id)
        await self._check_start(store, run, math.inf)

    async def unless_halted(self, kind: str, where: str, work: Coroutine[Any, Any, T]) -> T:
        """Awaits what is done like a run of the kind in a database; a halt there ends it. Raises StoppedByPerson."""
        store = next(store for store in self._recording(kind) if store.where == where)
        return await unless_halted(store, kind, work)

    async def check_halt(self, kind: str, where: str) -> None:
        """Raises Refused where runs of the kind must not start in a database, and BackendError."""
        await check_halt(next(store for store in self._recording(kind) if store.where == where), kind)

    async def _check_start(self, store: RunStore, run: Run, silent_s: float) -> None:
        await check_halt(store, run.kind)
        lease = await store.lease(run.scope)
        if lease is not None and lease.age_s < silent_s and not is_free(lease, self._timing):
            raise held(lease, f"it was heard {lease.age_s:.0f} s ago")

    # Ordering

    def act(self, verb: str, store: RunStore, run: Run) -> Act:
        """The act of giving an order to a run, for the gate."""
        return Act(f"runs.{verb}", store.where, {"kind": run.kind}, run.plan, run.id, reads=store.reads)

    async def order_act(self, verb: str, run_id: str) -> Act:
        """The same, for a run that has to be found. Raises NotThere and BackendError."""
        return self.act(verb, *await self.found(run_id))

    async def halt_act(self, verb: str, kind: str) -> Act:
        """The act of halting (or lifting) a kind where it is recorded. Raises NotConfigured where that is nowhere."""
        first, *rest = [store.where for store in self._recording(kind)]
        return Act(f"runs.{verb}", first, {"kind": kind}, beside=tuple(rest), reads=kind in self._reading)

    async def pause(self, token: Token, run_id: str, why: str = "") -> None:
        """Lets the run wait after its batch. Raises Refused and BackendError."""
        token.require("runs.pause")
        await self._order(token, run_id, Want.PAUSE, why)

    async def resume(self, token: Token, run_id: str) -> None:
        """Lets a run that waits go on. Raises Refused and BackendError."""
        token.require("runs.resume")
        await self._order(token, run_id, Want.GO, "")

    async def start(self, token: Token, run_id: str, typed: str = "") -> Path:
        """Executes the run in a process of its own, which outlives this one; answers with its log.

        typed: the environment's name as it was typed to confirm. Raises Refused and BackendError.
        """
        token.require("runs.resume")
        store, run = await self.found(run_id)
        token.require_target(store.where)
        await self._check_start(store, run, self._timing.silent_s)
        await supersede(store, token, run, self.who)
        log, command = log_path(self._state, run_id), self._resume_command(run_id, typed)
        pid = await asyncio.to_thread(start_detached, command, log, os.environ)
        token.outcome(pid=pid)
        return log

    async def go_on(self, token: Token, run_id: str, typed: str = "") -> str:
        """Lets a run go on that waits, or executes it in a process of its own; says which. Raises as `start`."""
        store, run = await self.found(run_id)
        if await self.waits_elsewhere(store, run):
            await self.resume(token, run_id)
            return f"goes on, executed by {run.holder or 'somebody'}"
        log = await self.start(token, run_id, typed)
        return f"started; its log is {log}"

    def log_of(self, run_id: str) -> str:
        """The log of a process that was started on this machine to execute the run; "" where there is none."""
        path = log_path(self._state, run_id)
        return str(path) if path.exists() else ""

    async def stop(self, token: Token, run_id: str, why: str = "") -> None:
        """Ends the run after its batch, resumable; one that nobody executes is marked as stopped. Raises Refused."""
        token.require("runs.stop")
        store, run = await self._order(token, run_id, Want.STOP, why)
        if run.known_state in {*LIVELY, RunState.HOLDING, RunState.PLANNED}:
            await self._mark_stopped(token, store, run, why)

    async def throttle(self, token: Token, run_id: str, **limits: float | None) -> None:
        """Limits `batch` (items) and `pace` (items a second), one without the other too; None leaves it to the run.

        Raises Refused.
        """
        token.require("runs.throttle")
        store, _ = await self.found(run_id)
        token.require_target(store.where)
        await store.control(token, run_id, limits)

    async def halt(self, token: Token, kind: str, why: str = "") -> Heard:
        """Stops the running runs of the kind after their batches, and lets none start, in every database by itself.

        Raises Refused.
        """
        token.require("runs.halt")
        heard, _ = await self._everywhere(token, kind, lambda store: store.halt(token, Halt(kind, self.who, why, None)))
        return heard

    async def lift(self, token: Token, kind: str) -> Heard:
        """Lifts the halt of the kind in every database by itself. Raises NotThere where there was none, and Refused."""
        token.require("runs.lift")
        heard, answers = await self._everywhere(token, kind, lambda store: store.lift(token, kind))
        if not heard.missing and True not in answers:
            raise NotThere(f"{kind} is not halted.")
        return heard

    async def _everywhere(
        self, token: Token, kind: str, order: Callable[[RunStore], Awaitable[object]]
    ) -> tuple[Heard, Sequence[object]]:
        """Gives an order to all stores at once; one that is away keeps no other from hearing it."""
        stores = self._recording(kind)
        answers = await asyncio.gather(*(_told(store, order) for store in stores))
        each = list(zip(stores, answers, strict=True))
        took = tuple(store.where for store, answer in each if not isinstance(answer, BackendError))
        away = [
            replace(answer.problem(), where=store.where) for store, answer in each if isinstance(answer, BackendError)
        ]
        token.outcome(databases=len(took), missing=len(away))
        return Heard(took, tuple(away)), answers

    @property
    def who(self) -> str:
        """Whose orders they are."""
        return f"{self._author.user}@{self._author.host}"

    def _recording(self, kind: str) -> list[RunStore]:
        """The configured stores that a halt of the kind is recorded in: of one that only reads, those of such runs."""
        configured = []
        for store in self._stores:
            with suppress(NotConfigured):
                if store.reads or kind not in self._reading:
                    configured.append((store.where, store)[1])
        if kind not in self._reading and all(store.reads for store in configured):
            raise NotConfigured("No database is configured that runs could change.")
        return configured

    async def _order(self, token: Token, run_id: str, want: Want, why: str) -> tuple[RunStore, Run]:
        store, run = await self.found(run_id)
        token.require_target(store.where)
        if run.known_state is RunState.DONE:
            raise Refused(f"The run {run_id} is done.", where=run.where)
        await store.control(token, run_id, {"want": want, "who": self.who, "why": why})
        token.outcome(state=run.state, want=want.value)
        return store, run

    async def _mark_stopped(self, token: Token, store: RunStore, run: Run, why: str) -> None:
        author = self._author
        holder = Holder(author.user, author.host, author.ssh_client, author.pid, author.started)
        lease = await store.lease(run.scope)
        if lease is not None and not is_free(lease, self._timing):
            return
        async with store.worker(token) as worker:
            fence = await worker.claim(run, holder, lease)
            if fence is not None:
                await worker.enter(fence, RunState.STOPPED, self.who, why or "nobody executed it")
                await worker.release(fence)


async def _told(store: RunStore, order: Callable[[RunStore], Awaitable[object]]) -> object:
    """What came of it; the failure where the store is away. Raises Refused."""
    try:
        return await order(store)
    except Refused:
        raise
    except BackendError as error:
        return error


async def _asked(store: RunStore, limit: int, after: RunKey | None) -> RunPage | BackendError:
    try:
        return RunPage(await store.page(limit, after), halts=await store.halts())
    except BackendError as error:
        return error
