"""Root causes first: an alert that follows from another one is told below that one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from backends.alerts.model import Alert, Phase
from backends.sampling.state import State, worst

_EXPLAINED: Final = frozenset({Phase.PENDING, Phase.FIRING, Phase.ACKNOWLEDGED, Phase.NO_DATA})


def folded(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """The alerts, each that another one explains with that one as its cause."""
    by_id = {alert.rule.id: alert for alert in alerts}
    return tuple(replace(alert, cause=_cause(alert, by_id)) for alert in alerts)


def _cause(alert: Alert, by_id: Mapping[str, Alert]) -> str:
    """What explains the alert: the first of what it depends on that fires, or what explains that one.

    An alert with a value of now is about something that answers, unless all that it depends on is down.
    """
    down = [name for name in alert.rule.depends if name in by_id and by_id[name].fires]
    if alert.state not in _EXPLAINED or not down or (alert.value is not None and len(down) < len(alert.rule.depends)):
        return ""
    return _cause(by_id[down[0]], by_id) or down[0]


def heads(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts that no other of them explains; a cause that is not among them (of another group) folds nothing."""
    known = list(alerts)
    ids = {alert.rule.id for alert in known}
    return [alert for alert in known if alert.cause not in ids]


def alert_state(alert: Alert) -> State:
    """What an alert adds to the whole: one that doesn't fire yet adds nothing, an acknowledged one is still wrong."""
    if alert.fires:
        return alert.rule.severity
    return {Phase.NO_DATA: State.NO_DATA, Phase.NOT_CONFIGURED: State.NOT_CONFIGURED}.get(alert.state, State.OK)


def board_state(alerts: Iterable[Alert]) -> State:
    """The worst of what is configured and explained by nothing else; no data where nothing is configured."""
    states = [alert_state(alert) for alert in heads(alerts)]
    configured = [state for state in states if state is not State.NOT_CONFIGURED]
    return worst(configured) if configured else State.NO_DATA


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts as people should see them: what fires, the worst first, each followed by what it explains; then what is
    acknowledged, pending and unknown. What is ok or not configured is left out.
    """
    shown = [alert for alert in alerts if alert.state in _EXPLAINED]
    return [
        each for root in sorted(heads(shown), key=_order) for each in (root, *sorted(_below(root, shown), key=_order))
    ]


def _below(root: Alert, shown: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in shown if alert.cause == root.rule.id]


_PHASES: Final = (Phase.FIRING, Phase.ACKNOWLEDGED, Phase.NO_DATA, Phase.PENDING)


def _order(alert: Alert) -> tuple[int, int, str]:
    return _PHASES.index(alert.state), -alert.rule.severity.rank, alert.rule.id
