"""Alerts in words: one line of each, Nagios' line with its figures, the text to hand over a shift. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from backends.alerts.folding import alert_state, heads, worst_first
from backends.alerts.model import Alert, Board, Change, Compare, Phase
from backends.sampling.state import State

WORDS: Final = {State.OK: "ok", State.WARNING: "warning", State.CRITICAL: "critical", State.NO_DATA: "unknown"}
"""The words for the state of all."""

_HOURS: Final = {"m": 1 / 60, "h": 1.0, "d": 24.0}
_TIME: Final = re.compile(r"([1-9]\d{0,2})([mhd]) +(?=\S)")

_UNITS: Final = frozenset({"%", "s", "ms"})
"""Units that Nagios knows."""


def said(alert: Alert) -> str:
    """What is the matter, in a few words."""
    if alert.state in {Phase.NO_DATA, Phase.PENDING} or alert.fires:
        value = "" if alert.value is None else f"{amount(alert.value)} {alert.rule.unit}"
        return ": ".join(filter(None, (alert.subject, alert.what or value)))
    return ""


def amount(value: float) -> str:
    """A number without needless digits.

    >>> amount(12034.0), amount(81.26), amount(0.0)
    ('12,034', '81.3', '0')
    """
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def threshold(alert: Alert) -> str:
    """The rule's threshold in words.

    >>> from datetime import datetime
    >>> from backends.alerts.table import RULES
    >>> now = datetime(2026, 1, 1)
    >>> threshold(Alert(RULES[0], Phase.OK, 0, now, now))
    '≥ 1 unreachable'
    """
    sign = {Compare.ABOVE: ">", Compare.FROM: "≥", Compare.BELOW: "<"}[alert.rule.compare]
    return f"{sign} {amount(alert.rule.threshold)} {alert.rule.unit}"


def how_long(text: str, hours: float) -> tuple[str, float]:
    """A reason, and for how many hours an alert is taken care of: as the text begins, else as is usual.

    >>> how_long("3d rack 4 is off", 8), how_long("30m lunch", 8), how_long("2h", 8), how_long("rack 4", 8)
    (('rack 4 is off', 72.0), ('lunch', 0.5), ('2h', 8), ('rack 4', 8))
    """
    found = _TIME.match(text)
    return (text, hours) if found is None else (text[found.end() :], int(found[1]) * _HOURS[found[2]])


def counted_states(alerts: Iterable[Alert]) -> str:
    """How many alerts are wrong in which way; what another one explains is not counted.

    Such as "2 critical, 1 warning, 3 no data".
    """
    counts = Counter(_kind(alert) for alert in heads(alerts))
    order = ("critical", "warning", "no data", "acknowledged", "pending")
    return ", ".join(f"{counts[kind]} {kind}" for kind in order if counts[kind])


def _kind(alert: Alert) -> str:
    return alert.rule.severity.value if alert.state is Phase.FIRING else alert.state.value


def nagios(board: Board) -> str:
    """One line: state, what is wrong, and after the bar the figures."""
    wrong = [alert for alert in heads(worst_first(board.alerts)) if alert_state(alert) is not State.OK]
    named = "; ".join(f"{alert.rule.id} ({said(alert) or alert.state.value})" for alert in wrong)
    counts = counted_states(board.alerts) or f"{_judged(board.alerts)} rules"
    text = f"OLORIN {WORDS[board.state].upper()} - {counts}{': ' if named else ''}{named}"
    return " ".join(text.replace("|", "¦").split()) + " | " + " ".join(map(_figure, _measured(board.alerts)))


def _judged(alerts: Iterable[Alert]) -> int:
    return sum(alert.state is not Phase.NOT_CONFIGURED for alert in alerts)


def _measured(alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.value is not None]


def _figure(alert: Alert) -> str:
    """A figure as Nagios' plugins give it: 'label'=value[unit];warning;critical."""
    rule = alert.rule
    level = f"{rule.threshold:g}:" if rule.compare is Compare.BELOW else f"{rule.threshold:g}"
    levels = f";{level}" if rule.severity is State.WARNING else f";;{level}"
    return f"'{rule.id}'={alert.value:g}{rule.unit if rule.unit in _UNITS else ''}{levels}"


def hand_over(board: Board, runs: Sequence[str], changes: Sequence[Change], profile: str) -> str:
    """What the next shift has to know, as text to paste."""
    shown = worst_first(board.alerts)
    lines = [f"{profile}, {board.at:%Y-%m-%d %H:%M} UTC: {WORDS[board.state]}", "", "Alerts:"]
    lines += [_line(alert) for alert in shown] or ["  none"]
    lines += ["", "Runs in progress:", *([f"  {run}" for run in runs] or ["  none"])]
    lines += ["", "Changed in the last hour:", *([f"  {change_line(each)}" for each in changes] or ["  nothing"])]
    return "\n".join(lines) + "\n"


def _line(alert: Alert) -> str:
    state = alert.rule.severity.value if alert.state is Phase.FIRING else alert.state.value
    below = f" (follows from {alert.cause})" if alert.cause else ""
    given = alert.acknowledged
    by = f" [{given.owner} until {given.until:%m-%d %H:%M}: {given.reason}]" if given and alert.fires else ""
    since = f"since {alert.since:%m-%d %H:%M}"
    return f"  {state} {alert.rule.id}: {said(alert)} {since}{below}{by}\n    do: {alert.rule.todo}"


def change_line(change: Change) -> str:
    """A change in one line."""
    what = f": {change.what}" if change.what else ""
    return f"{change.at:%H:%M:%S} {change.id} {change.before or 'new'} → {change.after}{what}"
