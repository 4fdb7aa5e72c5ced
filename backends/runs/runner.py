"""Executing a run from its record to its verdict: gate, lease, batches, proof, and what is left in the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from backends.clients.errors import (
    AuditFailed,
    BackendError,
    LeaseHeld,
    NotThere,
    Refused,
    Stopped,
    StoppedByPerson,
    VerificationFailed,
)
from backends.runs.acquiring import acquire, check_halt, supersede
from backends.runs.drive import Drive, Limited, Watcher
from backends.runs.heart import Heart
from backends.runs.job import Context, Job, Verification
from backends.runs.model import Holder, NewRun, Run, RunState
from backends.runs.obeying import StoppedByOrder
from backends.runs.store import RunStore, Timing
from backends.safety.author import Author
from backends.safety.gate import Act, Consent, Gate, Token

WAIT_S = 60.0
"""Seconds that a silent holder is waited for."""


First = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """What is ordered with a start that orders nothing more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an execution ended. state: of the run; skipped: items that it gave up; error: why it did not reach its end.

    resume_cmd: the command that goes on, "" where there is nothing to go on with. unaudited: why the audit log does not
    have its end, "" where it has.
    """

    run_id: str
    state: str
    why: str
    counts: Mapping[str, int] = field(default_factory=dict)
    resume_cmd: str = ""
    skipped: int = 0
    error: BackendError | None = None
    unaudited: str = ""

    def said(self) -> dict[str, object]:
        """The verdict object, the last line of a run under --json."""
        return {
            "run_id": self.run_id,
            "state": self.state,
            "why": "; ".join(filter(None, (self.why, self.unaudited))),
            "counts": dict(self.counts),
            "resume_cmd": self.resume_cmd,
        }


class Runner:
    """Executes runs of one store in this process.

    job: makes the job of a run. author: who does it. version: the tool's, kept with the run.
    """

    def __init__(
        self,
        store: RunStore,
        job: Callable[[Run], Job],
        gate: Gate,
        author: Author,
        version: str,
        watcher: Watcher,
        timing: Timing | None = None,
    ) -> None:
        self._store, self._job, self._gate, self._author = store, job, gate, author
        self._version, self._watcher, self._timing = version, watcher, timing or Timing()
        self._drive: Drive | None = None
        self._interruption = ""

    def interrupt(self, why: str) -> None:
        """Finishes the current batch and stops, resumable; before the first batch nothing is begun."""
        self._interruption = why
        if self._drive is not None:
            self._drive.interrupt(why)

    async def create(self, run: NewRun, act: str, consent: Consent) -> Run:
        """Records a run as planned. act: the job's own. Raises Refused where its kind is halted, and BackendError."""
        await check_halt(self._store, run.kind)
        said = Act(act, self._store.where, run.options, run.plan, run.id, reads=self._store.reads)
        async with self._gate.act(said, consent) as token:
            await self._store.create(token, run, self._who, self._version)
        return await self._known(run.id)

    async def execute(
        self,
        run_id: str,
        consent: Consent,
        *,
        wait_s: float = WAIT_S,
        limited: Limited | None = None,
        first: First = nothing,
        supersedes: bool = True,
    ) -> Verdict:
        """Executes the run as far as it goes.

        first: an order that belongs to this start, given once the run may begin, and not where it may not. supersedes:
        a person lets it go on just now, so that it need not obey what was ordered before.

        Raises what keeps it from beginning: Refused, LeaseHeld, NotThere and other BackendErrors; what ends it once
        it began is the verdict's error.
        """
        run = await self._known(run_id)
        if run.known_state is RunState.DONE:
            raise Refused(f"The run {run_id} is done.", where=run.where)
        await check_halt(self._store, run.kind)
        job = self._job(run)
        act = Act(job.act, self._store.where, run.options, run.plan, run.id, reads=self._store.reads)
        began: list[Verdict] = []
        try:
            async with self._gate.act(act, consent, mirror=self._store.mirror(), lifetime_s=None) as token:
                await self._work(token, run, job, wait_s, limited or Limited(), first, supersedes, began)
                if began[-1].error is not None:
                    raise began[-1].error
        except AuditFailed as error:
            if not began:
                raise
            # What was done is done, and whoever started it is to know.
            return replace(began[-1], unaudited=f"{error.message} {error.hint}")
        except BackendError as error:
            if not began or began[-1].error is not error:
                raise
        return began[-1]

    async def _work(
        self,
        token: Token,
        run: Run,
        job: Job,
        wait_s: float,
        limited: Limited,
        first: First,
        supersedes: bool,
        began: list[Verdict],
    ) -> None:
        async with self._store.worker(token) as worker:
            told = {"timing": self._timing, "wait_s": wait_s, "tell": self._watcher.say, "check": self._check_signal}
            fence = await acquire(self._store, worker, run, self._holder, **told)  # type: ignore[arg-type]
            context = Context(run, token, worker, fence, self._version)
            self._drive = drive = Drive(job, context, worker, fence, self._who, self._watcher, limited)
            if self._interruption:
                drive.interrupt(self._interruption)
            try:
                async with Heart(worker, fence, self._timing) as heart:
                    await check_halt(self._store, run.kind)
                    await first()
                    if supersedes:
                        await supersede(self._store, token, run, self._who)
                    began.append(await self._ended(drive, heart, context))
            finally:
                token.outcome(**context.progress.counts)
                with suppress(BackendError):
                    await worker.release(fence)

    async def _ended(self, drive: Drive, heart: Heart, context: Context) -> Verdict:
        """Drives it, and brings it into the state in which it ends."""
        try:
            verification = await drive.run(heart)
        except LeaseHeld as error:  # lost: the record is somebody else's
            return self._verdict(context, "taken over", error.message, error)
        except BackendError as error:
            state = _state_after(error)
            with suppress(BackendError):
                await drive.enter(state, error.message, error.who if isinstance(error, StoppedByOrder) else "")
            return self._verdict(context, state.value, error.message, error)
        except Exception as error:
            with suppress(BackendError):
                await drive.enter(RunState.FAILED, f"unexpected: {type(error).__name__}")
            raise
        if verification is None:
            return self._verdict(context, RunState.HOLDING.value, "a person decides how to go on")
        return await self._proven(drive, context, verification)

    async def _proven(self, drive: Drive, context: Context, verification: Verification) -> Verdict:
        counts = {**context.progress.counts, **verification.counts}
        context.progress = replace(context.progress, counts=counts)
        if not verification.ok:
            failed = VerificationFailed(verification.why, where=context.run.where)
            await drive.enter(RunState.FAILED, failed.message)
            return self._verdict(context, RunState.FAILED.value, failed.message, failed)
        await drive.enter(RunState.DONE, verification.why)
        return self._verdict(context, RunState.DONE.value, verification.why)

    def _verdict(self, context: Context, state: str, why: str, error: BackendError | None = None) -> Verdict:
        progress, run_id = context.progress, context.run.id
        resume = "" if state == RunState.DONE.value else f"olorin runs resume {run_id}"
        skipped = sum(unit.failed for unit in progress.units)
        counts = {"done": sum(unit.done for unit in progress.units), "failed": skipped, **progress.counts}
        return Verdict(run_id, state, why, counts, resume, skipped, error)

    async def _known(self, run_id: str) -> Run:
        run = await self._store.run(run_id)
        if run is None:
            raise NotThere(f"There is no run {run_id}.", where=self._store.where, hint="olorin runs list names them.")
        return run

    def _check_signal(self) -> None:
        if self._interruption:
            raise StoppedByPerson(f"Stopped by {self._interruption} before it began.", hint="Nothing was done.")

    @property
    def _who(self) -> str:
        return f"{self._author.user}@{self._author.host}"

    @property
    def _holder(self) -> Holder:
        author = self._author
        return Holder(author.user, author.host, author.ssh_client, author.pid, author.started)


def _state_after(error: BackendError) -> RunState:
    if isinstance(error, Stopped):
        return RunState.STOPPED
    return RunState.BLOCKED if isinstance(error, Refused) else RunState.FAILED
