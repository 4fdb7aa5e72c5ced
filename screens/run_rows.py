"""How runs look as rows, lines and bars, and what their keys ask before they do something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.runs.model import Halt, Run, Transition, Unit
from backends.runs.rules import is_abandoned, run_eta_s, run_state
from backends.runs.words import eta_words, span, takeover_words
from screens.consent import ConsentRequest
from widgets.amount import count, size
from widgets.gauge import bar
from widgets.grid import Column, Row
from widgets.page import pairs
from widgets.tone import Cell, Part, Tone, state_part

RUN_COLUMNS: Final = (
    Column("run", 12, flexible=True),
    Column("kind", 8),
    Column("state", 13),
    Column("done", 15),
    Column("a second", 8, "right", drop=2),
    Column("left, or why", 20, drop=1),
    Column("holder", 22, drop=3),
    Column("since", 16, drop=4),
)
UNIT_COLUMNS: Final = (
    Column("unit", 14, flexible=True),
    Column("done", 20),
    Column("items", 11, "right"),
    Column("of", 11, "right", drop=1),
    Column("failed", 7, "right"),
    Column("size", 9, "right", drop=2),
    Column("a second", 9, "right"),
)
HISTORY_COLUMNS: Final = (
    Column("at (UTC)", 19),
    Column("state", 10),
    Column("who", 16, drop=1),
    Column("why", 20, flexible=True),
)
_SHORT, _LONG = 10, 15


def run_row(run: Run) -> Row:
    """A run with its state and how far it is."""
    rates = [unit.rate for unit in run.progress.units if unit.rate is not None]
    eta = run_eta_s(run)
    cells: tuple[Cell, ...] = (
        run.id,
        run.kind,
        state_part(run_state(run), state_word(run)),
        share_cell(run.share, _SHORT),
        f"{sum(rates):,.0f}" if rates and run.holder else "–",
        eta_words(eta) if eta else run.why or "–",
        run.holder or "–",
        "" if run.since is None else f"{run.since:%Y-%m-%d %H:%M}",
    )
    return Row(f"{run.kind} {run.id}", cells)


def state_word(run: Run) -> str:
    """The state; a run that nobody executes although its record says so is abandoned."""
    return "abandoned" if is_abandoned(run) else run.state or "no state"


def share_cell(share: float | None, width: int) -> Cell:
    """A bar with its per cent; "?" where the total is not known."""
    if share is None:
        return Part("?", Tone.NO_DATA)
    drawn = "".join(part.text for part in bar(share, 0, 1, width))
    return f"{drawn} {share:4.0%}"


def unit_row(unit: Unit) -> Row:
    """A unit with a bar of its own."""
    failed = Part(f"{unit.failed:,}", Tone.WARNING) if unit.failed else "0"
    rate = "–" if unit.rate is None else f"{unit.rate:,.1f}"
    cells = (share_cell(unit.share, _LONG), f"{unit.done:,}", count(unit.total), failed, size(unit.bytes), rate)
    return Row(unit.name, (unit.name, *cells))


def history_rows(history: Sequence[Transition]) -> list[Row]:
    """What happened to the run, the newest last."""
    return [
        Row(str(number), (f"{each.at:%Y-%m-%d %H:%M:%S}" if each.at else "?", each.state, each.who, each.why))
        for number, each in enumerate(history)
    ]


def run_lines(run: Run, log: str) -> list[tuple[Cell, ...]]:
    """The run in labels and values. log: where a process that was started here writes to, "" for nowhere."""
    progress = run.progress
    state: Cell = state_part(run_state(run), state_word(run))
    waits = [("lost", f"{span(lost)} to {reason}") for reason, lost in progress.lost_s.items()]
    return [
        (Part("state      ", Tone.MUTED), state, f"  {run.why}" if run.why else ""),
        *pairs(
            [
                ("what", f"{run.kind} on {run.where}"),
                ("holder", _holder(run)),
                *([("", Part(takeover_words(run.extra_s), Tone.MUTED))] if run.extra_s else []),
                ("left", eta_words(run_eta_s(run))),
                ("wanted", _wanted(run)),
                *([("batch", f"{progress.batch:,} items")] if progress.batch else []),
                *waits,
                *[("", Part(f"{each}: not measured", Tone.MUTED)) for each in progress.not_measured],
                *[("warns", Part(each, Tone.WARNING)) for each in progress.warnings],
                *([("plan", run.plan[:16])] if run.plan else []),
                *([("log", log)] if log else []),
            ],
            label_width=11,
        ),
    ]


def _holder(run: Run) -> Cell:
    if run.holder is not None:
        return f"{run.holder}, heard {run.silent_s or 0:.0f} s ago"
    return Part("nobody: it can be resumed", Tone.WARNING) if is_abandoned(run) else Part("nobody", Tone.MUTED)


def _wanted(run: Run) -> str:
    control = run.control
    limits = [f"batches of {control.batch:,} at most"] if control.batch else []
    limits += [f"{control.pace:,g} a second at most"] if control.pace else []
    by = f", by {control.who}" if control.who else ""
    return ", ".join([control.want.value, *limits]) + by


def halted_cells(halts: Sequence[Halt]) -> tuple[Cell, ...]:
    """The kinds that must not run, beside a title."""
    said = "; ".join(f"{halt.kind} by {halt.who}{': ' if halt.why else ''}{halt.why}" for halt in halts)
    return (Part(f"  ✖ halted: {said}", Tone.CRITICAL),) if halts else ()


_PLANS: Final = {
    "pause": "After its batch the run waits, with its lease, until it is resumed.",
    "resume": "The run goes on where it is; if nobody executes it, a process of its own is started on this machine.",
    "stop": "After its batch the run ends. It can be resumed from where it stopped.",
    "throttle": "The run keeps below this pace from its next batch on.",
}
_UNDO: Final = {"pause": "resume", "resume": "pause", "stop": "resume", "throttle": "throttle"}


def order_request(verb: str, run: Run, pace: float | None = None) -> ConsentRequest:
    """What a person is asked before an order is given to a run."""
    limit = f" --pace {pace:g}" if pace else ""
    plan: list[tuple[Cell, ...]] = [
        (f"{run.kind}, {run.state}, {'?' if run.share is None else f'{run.share:.0%}'} done",),
        (_PLANS[verb],),
    ]
    if verb == "throttle":
        plan.append((f"at most {pace:,.1f} items a second" if pace else "no limit but its own",))
    undo = f"olorin runs {_UNDO[verb]} {run.id}"
    return ConsentRequest(f"{verb} {run.id}", run.where, plan, f"runs {verb} {run.id}{limit}", ("run",), undo)


def halt_request(kind: str, lift: bool, source: str) -> ConsentRequest:
    """What a person is asked before a kind is halted, or let run again."""
    plan: list[tuple[Cell, ...]] = [
        (f"Runs of {kind} may start again, cron's too.",)
        if lift
        else (f"Every running {kind} ends after its batch, and none starts, cron's neither, until it is lifted.",)
    ]
    back = f"olorin runs halt {kind}" + ("" if lift else " --lift")
    command = f"runs halt {kind}" + (" --lift" if lift else "")
    return ConsentRequest(f"{'lift the halt of' if lift else 'halt'} {kind}", kind, plan, command, (source,), back)


def paces(run: Run, faster: bool) -> float | None:
    """The next pace: half of what it does now, or twice its limit; None where that is no limit any more.

    >>> from backends.runs.model import Control, Progress
    >>> run = Run("r", "toy", "running", progress=Progress((Unit("a", rate=80.0),)), control=Control(pace=50.0))
    >>> paces(run, faster=False), paces(run, faster=True)
    (25.0, None)
    """
    now = sum(unit.rate or 0.0 for unit in run.progress.units)
    limit = run.control.pace
    if not faster:
        return max((min(limit, now) if limit and now else limit or now or 2.0) / 2, 0.5)
    return None if limit is None or (now and limit * 2 > now) else limit * 2
