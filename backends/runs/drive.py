"""Driving a run whose lease is held: batch by batch, waiting where people, rules or the clock ask for it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from backends.clients.errors import (
    BackendError,
    CannotConnect,
    DeadlineExceeded,
    Refused,
    StoppedByPerson,
    StoppedByThreshold,
    StoppedByTime,
)
from backends.runs.ears import Ears
from backends.runs.heart import Heart
from backends.runs.job import Context, Job, Step, Verification
from backends.runs.model import Progress, RunState
from backends.runs.obeying import RESUMABLE, check_orders, held_up_by, with_rates
from backends.runs.rates import Rates
from backends.runs.rules import may_become
from backends.runs.sizing import Sizing
from backends.runs.store import Fence, Orders, TryAgain, Worker
from backends.runs.throttle import Decision, Ladder
from backends.runs.window import Window

LOOK_S: Final = 0.5
"""Seconds between two looks while the run waits."""

SAMPLE_S: Final = 5.0
"""Seconds between two measurements of what the rules judge."""

NOTE_S: Final = 2.0
"""Seconds between two notes of what a run that waits is waiting for."""

PATIENCE_S: Final = 300.0
"""Seconds that a database may be away before the run gives up, resumable."""

_RECOVERABLE: Final = (TryAgain, CannotConnect, DeadlineExceeded)


class Watcher(Protocol):
    """Who is told how a run goes on: a terminal, a log."""

    def state(self, state: str, why: str) -> None:
        """The run came into a state."""

    def progress(self, progress: Progress) -> None:
        """A batch was committed."""

    def say(self, text: str) -> None:
        """Something that a person should know."""


@dataclass(frozen=True, slots=True)
class Limited:
    """What ends or interrupts this execution. max_s: seconds after which it stops; window: the hours it may work."""

    max_s: float | None = None
    window: Window | None = None


class Drive:
    """One execution of a run. who: whose doing its transitions are."""

    def __init__(
        self, job: Job, context: Context, worker: Worker, fence: Fence, who: str, watcher: Watcher, limited: Limited
    ) -> None:
        self._job, self._context, self._worker, self._fence = job, context, worker, fence
        self._who, self._watcher, self._limited = who, watcher, limited
        self._began = time.monotonic()
        self._interrupted = asyncio.Event()
        self._interruption = ""
        self._state = context.run.known_state or RunState.PLANNED
        self._why = ""
        self._sizing = Sizing.of(job.limits)
        self._rates = Rates()
        self._ladder = Ladder(job.rules)
        self._sample: Mapping[str, float | None] = {}
        self._sampled_at = self._noted_at = -SAMPLE_S
        self._warned: set[str] = set()
        self._failing_since: float | None = None
        self._failures = 0
        self._ears = Ears(worker, context.run)
        self._batch_cap: int | None = None
        self._pace: float | None = None
        context.check = self._check

    def interrupt(self, why: str) -> None:
        """Asks it to finish the current batch and stop."""
        self._interruption = why
        self._context.stopping = True
        self._interrupted.set()

    async def run(self, heart: Heart) -> Verification | None:
        """To the end, or to where a person decides how to go on (None). Raises BackendError."""
        checkpoint = await self._context.reread()
        if checkpoint.plan != self._context.run.plan:
            raise Refused(f"The checkpoint belongs to the plan {checkpoint.plan or '-'}, not to this run's.")
        await self.enter(RunState.RUNNING, "started" if not checkpoint.number else "resumed")
        await heart.guard(self._job.prepare(self._context))
        async with self._ears:
            step = await self._batches(heart)
        if step is Step.HOLD:
            await self.enter(RunState.HOLDING, step.value)
            return None
        await self.enter(RunState.VERIFYING)
        return await heart.guard(self._job.verify(self._context))

    async def _batches(self, heart: Heart) -> Step:
        """Batch after batch, to HOLD or DONE."""
        while True:
            await self._may_go()
            step = await self._batch(heart)
            if step in {Step.HOLD, Step.DONE}:
                return step
            if step is Step.FOLLOW:
                await self.enter(RunState.HOLDING, step.value)
                await self._wait(LOOK_S)

    async def enter(self, state: RunState, why: str = "", who: str = "") -> None:
        """Brings the run into the state; nothing where it is in it for the same reason. Raises BackendError."""
        if (state, why) == (self._state, self._why):
            return
        if not may_become(self._state, state):
            raise Refused(f"A run that is {self._state.value} can't become {state.value}.")
        await self._worker.enter(self._fence, state, who or self._who, why)
        self._state, self._why = state, why
        self._watcher.state(state.value, why)

    # Before a batch

    async def _may_go(self) -> None:
        """Returns when nothing holds the run up. Raises Stopped."""
        while True:
            self._check_interruption()
            orders = await self._orders()
            check_orders(orders)
            self._obey(orders)
            decision = await self._judged()
            people = held_up_by(orders, self._limited.window)
            reasons = {**people, **decision.pause}
            self._tell(decision, reasons)
            if not reasons:
                if self._state in {RunState.PAUSED, RunState.THROTTLED}:
                    await self.enter(RunState.RUNNING, "goes on", orders.control.who if people else "")
                return
            who = orders.control.who if "paused" in people else ""
            await self.enter(RunState.PAUSED if people else RunState.THROTTLED, "; ".join(reasons.values()), who)
            await self._lose(LOOK_S, *reasons)
            await self._note()

    def _tell(self, decision: Decision, reasons: Mapping[str, str]) -> None:
        """Notes what holds the run, what was measured, and what that warns of, which is said once."""
        details = {name: self._job.detail(name) for name in decision.warn}
        warnings = {name: f"{said}: {details[name]}" if details[name] else said for name, said in decision.warn.items()}
        for name in warnings.keys() - self._warned:
            self._watcher.say(f"warning: {warnings[name]}")
        self._warned = set(warnings)
        measured = {name: value for name, value in self._sample.items() if value is not None}
        self._set(waiting_for=tuple(reasons), not_measured=decision.not_measured, measured=measured)
        self._set(warnings=tuple(warnings.values()))

    def _obey(self, orders: Orders) -> None:
        """Takes over batch size and pace; a size that nobody asked for leaves the one that rules shrank to."""
        self._pace = orders.control.pace
        if orders.control.batch != self._batch_cap:
            self._batch_cap = orders.control.batch
            self._sizing = self._sizing.capped(self._batch_cap)

    async def _note(self) -> None:
        """Lets other consoles see what it waits for."""
        now = time.monotonic()
        if now - self._noted_at >= NOTE_S:
            self._noted_at = now
            try:
                await self._worker.note(self._fence, self._context.progress)
            except _RECOVERABLE as error:
                await self._recover(error)

    async def _orders(self) -> Orders:
        while True:
            try:
                return await self._ears.orders()
            except _RECOVERABLE as error:
                await self._recover(error)

    async def _judged(self) -> Decision:
        now = time.monotonic()
        if now - self._sampled_at >= SAMPLE_S and self._job.rules:
            self._sample, self._sampled_at = await self._job.sample(), now
        decision = self._ladder.look(now, self._sample)
        if decision.stop:
            raise StoppedByThreshold(
                f"Stopped: {decision.stop}.", hint="It goes on where it stopped once that is over."
            )
        for reason in decision.shrink:
            self._sizing = self._sizing.shrunk()
            self._watcher.say(f"smaller batches ({self._sizing.size}): {reason}")
        return decision

    def _check_interruption(self) -> None:
        if self._interruption:
            raise StoppedByPerson(f"Stopped by {self._interruption}.", hint=RESUMABLE)
        max_s = self._limited.max_s
        if max_s is not None and time.monotonic() - self._began >= max_s:
            raise StoppedByTime(f"Stopped after {max_s / 60:g} minutes.", hint=RESUMABLE)

    def _check(self) -> None:
        """Raises Stopped where the run should end before its batch does."""
        self._check_interruption()
        if self._ears.heard is not None:
            check_orders(self._ears.heard)

    # A batch

    async def _batch(self, heart: Heart) -> Step:
        context, began = self._context, time.monotonic()
        context.size, context.items = self._sizing.size, 0
        before = context.progress.units
        try:
            step = await heart.guard(self._job.batch(context))
        except _RECOVERABLE as error:
            await self._recover(error)
            return Step.MORE
        took_s = time.monotonic() - began
        self._failing_since, self._failures = None, 0
        self._sizing = self._sizing.after(context.items, took_s)
        self._rates.add(took_s, context.items)
        slow, fast = self._rates.range or (None, None)
        units = with_rates(before, context.progress.units, took_s)
        self._set(units=units, slow=slow, fast=fast, batch=self._sizing.size)
        self._watcher.progress(context.progress)
        await self._keep_pace(context.items, took_s)
        return step

    async def _keep_pace(self, items: int, took_s: float) -> None:
        if self._pace and items:
            await self._lose(items / self._pace - took_s, "pace")

    async def _recover(self, error: BackendError) -> None:
        """Reads the state again, however long the database is away. Raises the error when patience ends."""
        while True:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if now - self._failing_since > PATIENCE_S:
                raise error
            self._failures += 1
            if not isinstance(error, TryAgain):
                self._watcher.say(f"{error.message} Trying again.")
            await self._lose(_back_off_s(error, self._failures), error.kind)
            self._check_interruption()
            try:
                if not isinstance(error, TryAgain):
                    await self._worker.reopen()
                await self._context.reread()
            except _RECOVERABLE as again:
                error = again
            else:
                return

    # Waiting

    async def _lose(self, seconds: float, *reasons: str) -> None:
        """Waits, and counts the seconds to each reason."""
        if seconds <= 0:
            return
        began = time.monotonic()
        await self._wait(seconds)
        waited = time.monotonic() - began
        lost = dict(self._context.progress.lost_s)
        for reason in reasons:
            lost[reason] = round(lost.get(reason, 0.0) + waited, 3)
        self._set(lost_s=lost)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._interrupted.wait()
        except TimeoutError:
            return

    def _set(self, **changes: object) -> None:
        self._context.progress = replace(self._context.progress, **changes)  # type: ignore[arg-type]


def _back_off_s(error: BackendError, failures: int) -> float:
    """Seconds to wait, with jitter: other writers are gone soon, a database comes back later."""
    shortest, longest = (0.01, 1.0) if isinstance(error, TryAgain) else (0.2, 5.0)
    return min(shortest * 2.0 ** min(failures, 10), longest) * random.uniform(0.5, 1.0)
