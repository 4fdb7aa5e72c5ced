"""All sessions in one line for the overview. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from backends.bots.model import ENDED, Health, Session, Sessions, Status
from backends.sampling.state import State, Summary, worst

RECENT_S: Final = 3_600.0
"""Seconds for which an ended session still counts: later its findings are history."""

HEALTH_STATES: Final = {
    Health.HEALTHY: State.OK,
    Health.RECOVERING: State.WARNING,
    Health.DEGRADED: State.WARNING,
    Health.UNKNOWN: State.OK,
    Health.UNHEALTHY: State.CRITICAL,
}
"""How bad a bot's health is beside a finding: nothing known yet is no trouble by itself."""

_ENDED_WORDS: Final = frozenset(status.value for status in ENDED)


def summary(snapshot: Sessions) -> Summary:
    """The state of the sessions that are live or ended within the hour, and the worst of what is wrong with them."""
    current = [session for session in snapshot.sessions if is_current(session)]
    wrong = Counter([*_troubles(current), *((stray.finding.severity, stray.finding.kind) for stray in snapshot.strays)])
    said = ", ".join(f"{number} {kind}" for (_, kind), number in sorted(wrong.items(), key=_worst_first))
    size = f"{snapshot.live} live of {snapshot.total} sessions"
    state = worst(state for state, _ in wrong)
    if state is State.OK and current and all(session.health.state is Health.UNKNOWN for session in current):
        return Summary(State.NO_DATA, f"{size}; nothing tells their health")
    return Summary(state, f"{said}; {size}" if said else size)


def is_current(session: Session) -> bool:
    """Whether it is live, or ended within the hour."""
    ended = session.status in _ENDED_WORDS or session.ended_at is not None
    return not ended or (session.in_state_s if session.in_state_s is not None else session.age_s) <= RECENT_S


def worst_first(sessions: Iterable[Session]) -> list[Session]:
    """Current sessions, then history; in each the worst, then what is live, then the newest."""
    return sorted(sessions, key=_badness)


def _badness(session: Session) -> tuple[bool, int, bool, float]:
    """Few steps, so that a list in this order is still while nothing much changes."""
    troubles = [HEALTH_STATES[session.health.state], *(finding.severity for finding in session.findings)]
    return not is_current(session), -worst(troubles).rank, session.status in _ENDED_WORDS, session.age_s


def _troubles(sessions: Sequence[Session]) -> list[tuple[State, str]]:
    """What is wrong, each session's findings once, and its health where no finding says more."""
    troubles: list[tuple[State, str]] = []
    for session in sessions:
        if session.status == Status.FAILED.value:
            troubles.append((State.WARNING, "failed within the hour"))
            continue
        troubles += {(finding.severity, finding.kind) for finding in session.findings}
        if not session.findings and session.health.state is Health.UNHEALTHY:
            troubles.append((State.CRITICAL, "unhealthy"))
        if not session.findings and session.health.state is Health.DEGRADED:
            troubles.append((State.WARNING, "degraded"))
    return troubles


def _worst_first(entry: tuple[tuple[State, str], int]) -> tuple[int, int, str]:
    (state, kind), number = entry
    return -state.rank, -number, kind
