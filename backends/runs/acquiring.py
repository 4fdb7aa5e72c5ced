"""Getting the right to execute: at once where nobody has it or its holder is dead, after a wait where he is silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backends.clients.errors import CannotConnect, DeadlineExceeded, LeaseHeld, Refused, StoppedByPerson
from backends.runs.model import Holder, Lease, Run, Want
from backends.runs.store import Fence, RunStore, Timing, Worker
from backends.safety.author import Author

if TYPE_CHECKING:
    from backends.safety.gate import Token

Tell = Callable[[str], None]
T = TypeVar("T")

HALT_S: Final = 0.5
"""Seconds between two looks at whether a kind is halted."""


async def check_halt(store: RunStore, kind: str) -> None:
    """Raises Refused where runs of the kind must not start, and BackendError."""
    for halt in await store.halts():
        if halt.kind == kind:
            why = f": {halt.why}" if halt.why else ""
            hint = f"Lift it by its name: olorin runs halt {kind} --lift"
            raise Refused(f"{kind} is halted by {halt.who}{why}.", where=store.where, hint=hint)


async def supersede(store: RunStore, token: Token, run: Run, who: str) -> None:
    """A person lets the run go on: what was wanted of it until then is over, and what was ordered since stays.

    run: as it was when the person said so. Raises BackendError.
    """
    if run.control.want is not Want.GO:
        await store.control(token, run.id, {"want": Want.GO, "who": who, "why": ""}, run.control)


async def unless_halted(store: RunStore, kind: str, work: Coroutine[Any, Any, T]) -> T:
    """Awaits what is done like a run of the kind without being one of the store's, and ends it when that is halted.

    Raises StoppedByPerson, and what the work raises.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=HALT_S))[0]:
            with suppress(CannotConnect, DeadlineExceeded):  # the work notices that by itself
                await check_halt(store, kind)
    except Refused as halted:
        raise StoppedByPerson(halted.message, hint=halted.hint) from halted
    finally:
        task.cancel()
        await asyncio.wait({task})
    return task.result()


async def acquire(
    store: RunStore,
    worker: Worker,
    run: Run,
    holder: Holder,
    *,
    timing: Timing,
    wait_s: float,
    tell: Tell,
    check: Callable[[], None],
) -> Fence:
    """The lease of the run's scope.

    wait_s: seconds that a silent holder is waited for. tell: is told how long that will still be. check: raises where
    the start was given up meanwhile. Raises LeaseHeld, and what check raises.
    """
    began, first = time.monotonic(), None
    while True:
        check()
        lease = await store.lease(run.scope)
        if lease is None or is_free(lease, timing):
            fence = await worker.claim(run, holder, lease)
            if fence is not None:
                return fence
            continue
        if lives(lease, first, timing):
            raise held(lease, "its heartbeat is heard")
        left_s = wait_s - (time.monotonic() - began)
        if left_s <= 0:
            raise held(lease, f"it has been silent for {lease.age_s:.0f} s; it may be taken over later")
        first = first or lease
        free_s = max(timing.expiry_s + lease.extra_s - lease.age_s, 0.0)
        tell(f"{lease.holder.said} holds {run.scope}: silent for {lease.age_s:.0f} s, free in {free_s:.0f} s")
        await asyncio.sleep(min(timing.heartbeat_s / 5, left_s))


def is_free(lease: Lease, timing: Timing) -> bool:
    """Whether it may be taken: given back, expired by the server's clock, or its holder died on this machine.

    Where batches are no transactions, an operation of a dead holder may still be under way for `extra_s`.
    """
    if lease.released or lease.age_s > timing.expiry_s + lease.extra_s:
        return True
    return still_runs(lease.holder) is False and lease.age_s >= lease.extra_s


def lives(lease: Lease, first: Lease | None, timing: Timing) -> bool:
    """Whether its holder is at work: his heartbeat advanced since the first look, or he runs here and was heard."""
    if first is not None and (lease.token, lease.beats) != (first.token, first.beats):
        return True
    return lease.age_s < timing.silent_s and still_runs(lease.holder) is True


def still_runs(holder: Holder) -> bool | None:
    """Whether the holder's process is there; None where it is on another machine."""
    author = Author(holder.user, holder.ssh_client, holder.host, "", "", "", holder.pid, holder.started)
    return author.still_runs()


def held(lease: Lease, why: str) -> LeaseHeld:
    """Who has the right, from where and since when."""
    since = f"{lease.since:%Y-%m-%d %H:%M:%S} UTC" if lease.since else "an unknown time"
    message = f"{lease.holder.said} executes the run {lease.run_id} since {since}: {why}."
    return LeaseHeld(message, hint=f"olorin runs show {lease.run_id} says how far it is.")
