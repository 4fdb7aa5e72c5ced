"""What follows from people's orders and from the clock, before each batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends.clients.errors import StoppedByPerson
from backends.runs.model import Control, Unit, Want
from backends.runs.store import Orders
from backends.runs.window import Window

RESUMABLE = "It goes on where it stopped."


class StoppedByOrder(StoppedByPerson):
    """Somebody stopped the run, or halted its kind. who: the one who ordered it."""

    def __init__(self, message: str, who: str, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.who = who


def stopped_by(orders: Orders) -> StoppedByOrder | None:
    """Why it has to end, where somebody wants it to stop or halted its kind; None where nobody did."""
    if orders.halt is not None:
        halt = orders.halt
        hint = f"It goes on after: olorin runs halt {halt.kind} --lift"
        return StoppedByOrder(_said(f"{halt.kind} is halted", halt.who, halt.why), halt.who, hint=hint)
    if orders.control.want is Want.STOP:
        return StoppedByOrder(_by("stopped", orders.control), orders.control.who, hint=RESUMABLE)
    return None


def held_up_by(orders: Orders, window: Window | None) -> Mapping[str, str]:
    """What makes the run wait, by name, in words; empty for nothing. The window is judged by the server's clock."""
    reasons = {}
    if orders.control.want is Want.PAUSE:
        reasons["paused"] = _by("paused", orders.control)
    if window is not None and not window.contains(orders.now):
        reasons["window"] = f"outside of {window.text}, opens at {window.opens_at(orders.now):%Y-%m-%d %H:%M} UTC"
    return reasons


def with_rates(before: Sequence[Unit], after: Sequence[Unit], took_s: float) -> tuple[Unit, ...]:
    """The units with what each did a second in a batch; one that had no part in it has no rate.

    >>> [unit.rate for unit in with_rates([Unit("a")], [Unit("a", done=10), Unit("b")], 0.5)]
    [20.0, None]
    """
    was = {unit.name: unit.done + unit.failed for unit in before}
    did = [unit.done + unit.failed - was.get(unit.name, 0) for unit in after]
    return tuple(
        replace(unit, rate=items / took_s if items > 0 and took_s > 0 else None)
        for unit, items in zip(after, did, strict=True)
    )


def _by(what: str, control: Control) -> str:
    return _said(what, control.who, control.why)


def _said(what: str, who: str, why: str) -> str:
    return f"{what} by {who or 'somebody'}" + (f": {why}" if why else "")
