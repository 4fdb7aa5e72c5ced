"""Alerts as rows and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from backends.alerts.folding import worst_first
from backends.alerts.model import Alert, Board, Change, Phase, Rule
from backends.alerts.words import change_line, counted_states, said, threshold
from backends.runs.model import Run, RunState
from backends.runs.rules import LIVELY
from backends.sampling.state import State
from widgets.grid import Column, Row
from widgets.page import pairs
from widgets.panel import minutes
from widgets.tone import Cell, Part, Tone, state_part

ALERT_COLUMNS: Final = (
    Column("alert", 24),
    Column("state", 14),
    Column("what", 20, flexible=True),
    Column("for", 5, drop=1),
)

SHOWN: Final = 5
"""Changes of an alert on its page."""

_TONES: Final = {State.WARNING: Tone.WARNING, State.CRITICAL: Tone.CRITICAL}
_GOING_ON: Final = frozenset({*LIVELY, RunState.HOLDING})


def alert_rows(board: Board, contains: str, now: datetime) -> list[Row]:
    """What is wrong, the worst first; what another alert explains stands below it."""
    shown = worst_first(board.alerts)
    return [_row(each, now) for each in shown if contains in f"{each.rule.id} {said(each)}".lower()]


def _row(alert: Alert, now: datetime) -> Row:
    name = f"{'└ ' if alert.cause else ''}{alert.rule.id}"
    tone = Tone.MUTED if alert.cause else Tone.PLAIN
    age = minutes((now - alert.since).total_seconds())
    return Row(alert.rule.id, (Part(name, tone), state_of_alert(alert), Part(said(alert), tone), Part(age, Tone.MUTED)))


def state_of_alert(alert: Alert) -> Part:
    """The alert's state as symbol and word; one that another explains is not shouted."""
    severity = alert.rule.severity
    if alert.state is Phase.ACKNOWLEDGED:
        return Part("✓ acknowledged", Tone.MUTED)
    if alert.state is Phase.PENDING:
        return Part("◌ pending", Tone.MUTED)
    found = state_part(severity if alert.fires else State.NO_DATA)
    return Part(found.text, Tone.MUTED) if alert.cause else found


def alarm(board: Board | None) -> Part | None:
    """What the first line of every screen says: how many alerts stand for themselves, and the worst."""
    if board is None:
        return None
    shown = [each for each in worst_first(board.alerts) if not each.cause]
    firing = [each for each in shown if each.state is Phase.FIRING]
    if firing:
        symbol = state_part(firing[0].rule.severity).text[0]
        return Part(f" {symbol} {len(firing)} {firing[0].rule.id} ", _TONES[firing[0].rule.severity])
    unknown = [each for each in shown if each.state is Phase.NO_DATA]
    return Part(f" ? {len(unknown)} no data ", Tone.NO_DATA) if unknown else None


def heading(board: Board | None, problem: str) -> tuple[Cell, ...]:
    """The line above the alerts."""
    if board is None:
        return (Part("alerts  ", Tone.STRONG), Part(problem or "◌ asking", Tone.MUTED))
    counts = counted_states(board.alerts)
    judged = sum(alert.state is not Phase.NOT_CONFIGURED for alert in board.alerts)
    state: Cell = state_part(board.state, counts or f"nothing wrong, {judged} rules")
    if not judged:
        state = state_part(State.NOT_CONFIGURED, "no rule has a system to judge")
    note = (Part(f"  not kept: {board.note}", Tone.WARNING),) if board.note else ()
    return (Part("alerts  ", Tone.STRONG), state, *note)


def going_on(runs: Iterable[Run]) -> list[Run]:
    """Runs that somebody executes or that wait for somebody."""
    return [run for run in runs if run.known_state in _GOING_ON]


def run_line(run: Run) -> str:
    """A run in a few words."""
    share = "" if run.share is None else f" {run.share:.0%}"
    return f"{run.kind} {run.id} {run.state}{share}" + (f": {run.why}" if run.why else "")


def below_lines(runs: Sequence[Run], changes: Sequence[Change], room: int) -> list[tuple[Cell, ...]]:
    """Runs in progress and what changed in the last hour, in so many lines: at least the first of both."""
    for_runs = max(1, min(len(runs), room // 2))
    lines = [_labelled("runs", [run_line(run) for run in runs], "none in progress", for_runs)]
    lines.append(
        _labelled("changed", [change_line(each) for each in changes], "nothing in the last hour", room - for_runs)
    )
    return [line for part in lines for line in part]


def _labelled(label: str, texts: Sequence[str], none: str, room: int) -> list[tuple[Cell, ...]]:
    if not texts:
        return [(Part(label.ljust(9), Tone.MUTED), Part(none, Tone.MUTED))]
    more = f"  (and {len(texts) - room} more)" if len(texts) > room else ""
    shown = [f"{text}{more if at == room - 1 else ''}" for at, text in enumerate(texts[:room])]
    return [(Part((label if not at else "").ljust(9), Tone.MUTED), text) for at, text in enumerate(shown)]


def facts(alert: Alert, history: Sequence[Change]) -> list[tuple[Cell, ...]]:
    """What is known of an alert, for its page. history: what became of it, newest first."""
    rule, given = alert.rule, alert.acknowledged
    known: list[tuple[str, Cell]] = [
        ("state", state_of_alert(alert)),
        ("what", said(alert) or "nothing wrong"),
        ("rule", f"{rule.measure} {threshold(alert)}{_patience(rule)}, over {rule.window}, clears at {rule.clear:g}"),
        ("says", f"{rule.source} ({rule.origin})"),
        ("since", f"{alert.since:%Y-%m-%d %H:%M:%S} UTC, sampled {alert.at:%H:%M:%S}"),
        ("do", Part(rule.todo, Tone.STRONG)),
    ]
    if alert.cause:
        known.insert(1, ("follows from", Part(alert.cause, Tone.ACCENT)))
    if given is not None:
        word = "snoozed" if given.snooze else "acknowledged"
        known.append((word, f"{given.owner} until {given.until:%m-%d %H:%M} UTC: {given.reason}"))
    fired = next((change for change in history if change.samples), None)
    if fired is not None:
        values = " ".join(f"{value:g}" for _, value in fired.samples)
        known.append(("before it", f"{values} (10 minutes)"))
    known += [("changed", f"{change.at:%m-%d} {change_line(change)}") for change in history[:SHOWN]]
    return pairs(known, 13)


def _patience(rule: Rule) -> str:
    """How long, and how often in a row, it has to be so before it fires."""
    waits = f" for {rule.for_s:g} s" if rule.for_s else ""
    return waits + (f", {rule.in_a_row} times in a row" if rule.in_a_row > 1 else "")
