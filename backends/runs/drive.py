"""Driving a run whose lease is held: batch by batch, waiting where people, rules or the clock ask for it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from backends.clients.errors import BackendError, CannotConnect, DeadlineExceeded, Refused, Stopped, StoppedByThreshold
from backends.runs.ears import Ears
from backends.runs.ending import Ending
from backends.runs.heart import Heart
from backends.runs.job import Context, Job, Step, Verification
from backends.runs.model import Progress, RunState
from backends.runs.obeying import held_up_by, with_rates
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

T = TypeVar("T")

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


class _HeldUp(Exception):
    """The verification was cut, since the run has to wait."""


class Drive:
    """One execution of a run. who: whose doing its transitions are."""

    def __init__(
        self, job: Job, context: Context, worker: Worker, fence: Fence, who: str, watcher: Watcher, limited: Limited
    ) -> None:
        self._job, self._context, self._worker, self._fence = job, context, worker, fence
        self._who, self._watcher, self._limited = who, watcher, limited
        self._ending = Ending(limited.max_s, self._tell_job)
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
        self._ears = Ears(worker, context.run, self._ending.heard)
        self._batch_cap: int | None = None
        self._pace: float | None = None
        self._newest = 0.0, 0  # when the newest batch began, and its items
        self._by_person = False
        context.check = self._ending.check

    def interrupt(self, why: str) -> None:
        """Asks it to finish the current batch and stop."""
        self._ending.interrupt(why)

    def _tell_job(self, stopping: bool) -> None:
        self._context.stopping = stopping

    async def run(self, heart: Heart) -> Verification | None:
        """To the end, or to where a person decides how to go on (None). Raises BackendError."""
        checkpoint = await self._context.reread()
        if checkpoint.plan != self._context.run.plan:
            raise Refused(f"The checkpoint belongs to the plan {checkpoint.plan or '-'}, not to this run's.")
        await self.enter(RunState.RUNNING, "started" if not checkpoint.number else "resumed")
        await self._keep_window()
        with self._ending:
            async with self._ears:
                await self._may_go(Decision())
                await self._attended(heart, self._job.prepare(self._context))
                return await self._to_the_end(heart)

    async def _to_the_end(self, heart: Heart) -> Verification | None:
        while True:
            if await self._batches(heart) is Step.HOLD:
                await self.enter(RunState.HOLDING, Step.HOLD.value)
                return None
            await self.enter(RunState.VERIFYING)
            try:
                return await self._attended(heart, self._job.verify(self._context), held=True)
            except _HeldUp:
                await self.enter(RunState.RUNNING, "verifies again later")

    async def _attended(self, heart: Heart, work: Coroutine[Any, Any, T], *, held: bool = False) -> T:
        """Awaits what is no batch, with an ear for orders: it is cut where the job allows that, and obeyed after.

        held: whether it is cut too by what makes the run wait. Raises Stopped, and what the work raises.
        """
        task = asyncio.ensure_future(heart.guard(work))
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
                if self._job.cuttable:
                    self._ending.check()
                    if held and held_up_by(await self._orders(), self._limited.window):
                        raise _HeldUp
            result = task.result()
            self._ending.check()
            return result
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _keep_window(self) -> None:
        """The window is kept with the run, for whoever goes on with it without naming one. Raises Refused."""
        window, kept = self._limited.window, self._context.progress.window
        if window is None and kept:
            try:
                self._limited = replace(self._limited, window=Window.parse(kept))
            except ValueError as error:
                raise Refused(f"The run's window is not readable: {error}.", hint="Give one: --window") from error
        elif window is not None and window.text != kept:
            self._set(window=window.text)
            await self._worker.note(self._fence, self._context.progress)

    async def _batches(self, heart: Heart) -> Step:
        """Batch after batch, to HOLD or DONE."""
        while True:
            await self._may_go()
            step = await self._batch(heart)
            if step in {Step.HOLD, Step.DONE}:
                return step
            if step is Step.FOLLOW:
                await self.enter(RunState.HOLDING, step.value)
                await self._ending.wait(LOOK_S)

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

    async def _may_go(self, decided: Decision | None = None) -> None:
        """Returns when nothing holds the run up. decided: what the rules say, None to ask them. Raises Stopped."""
        while True:
            self._ending.check()
            orders = await self._orders()
            self._ending.check()
            self._obey(orders)
            decision = decided or await self._judged()
            people = held_up_by(orders, self._limited.window)
            reasons = {**people, **decision.pause}
            self._tell(decision, reasons)
            if not reasons:
                if self._state in {RunState.PAUSED, RunState.THROTTLED}:
                    await self.enter(RunState.RUNNING, "goes on", orders.control.who if self._by_person else "")
                if await self._kept_pace():
                    return
                continue
            self._by_person = "paused" in people
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
        unknown = tuple(name for name, value in self._sample.items() if value is None)
        self._set(warnings=tuple(warnings.values()), unknown=unknown)

    def _obey(self, orders: Orders) -> None:
        """Takes over batch size and pace; a size that nobody asked for leaves the one that rules shrank to."""
        if orders.control.pace != self._pace:
            self._pace = orders.control.pace
            slow, fast = self._rates.expected(self._pace)
            self._set(slow=slow, fast=fast)
        if orders.control.batch != self._batch_cap:
            self._batch_cap = orders.control.batch
            self._sizing = self._sizing.capped(self._batch_cap)

    async def _note(self, every_s: float = NOTE_S) -> None:
        """Lets other consoles see what it waits for."""
        now = time.monotonic()
        if now - self._noted_at >= every_s:
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
            # The record keeps the value that stopped it: nobody measures a run that stands.
            self._tell(decision, {})
            await self._note(every_s=0.0)
            raise StoppedByThreshold(
                f"Stopped: {decision.stop}.", hint="It goes on where it stopped once that is over."
            )
        if not decision.shrinks:
            self._sizing = self._sizing.restored()
        for reason in decision.shrink:
            self._sizing = self._sizing.shrunk()
            self._watcher.say(f"smaller batches ({self._sizing.size}): {reason}")
        return decision

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
        except Stopped as error:  # the job heard that it has to; who wanted it is known here
            raise (self._ending.reason or error) from error
        took_s = time.monotonic() - began
        self._newest = began, context.items
        self._failing_since, self._failures = None, 0
        self._sizing = self._sizing.after(context.items, took_s)
        self._rates.add(took_s, context.items)
        slow, fast = self._rates.expected(self._pace)
        units = with_rates(before, context.progress.units, took_s)
        self._set(units=units, slow=slow, fast=fast, batch=self._sizing.size)
        self._watcher.progress(context.progress)
        return step

    async def _kept_pace(self) -> bool:
        """Whether the next batch is due; waits a moment where it is not, so that orders are heard meanwhile."""
        began, items = self._newest
        left_s = began + items / self._pace - time.monotonic() if self._pace else 0.0
        if left_s <= 0:
            return True
        self._set(waiting_for=("pace",))
        await self._lose(min(left_s, LOOK_S), "pace")
        await self._note()
        return False

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
            self._ending.check()
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
        await self._ending.wait(seconds)
        waited = time.monotonic() - began
        lost = dict(self._context.progress.lost_s)
        for reason in reasons:
            lost[reason] = round(lost.get(reason, 0.0) + waited, 3)
        self._set(lost_s=lost)

    def _set(self, **changes: object) -> None:
        self._context.progress = replace(self._context.progress, **changes)  # type: ignore[arg-type]


def _back_off_s(error: BackendError, failures: int) -> float:
    """Seconds to wait, with jitter: other writers are gone soon, a database comes back later."""
    shortest, longest = (0.01, 1.0) if isinstance(error, TryAgain) else (0.2, 5.0)
    return min(shortest * 2.0 ** min(failures, 10), longest) * random.uniform(0.5, 1.0)
