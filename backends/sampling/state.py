"""How things stand, in five words that every system shares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """The state of a thing, best first. No data is never ok, and what is not configured counts for nothing."""

    OK = "ok"
    NOT_CONFIGURED = "not configured"
    WARNING = "warning"
    NO_DATA = "no data"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the best; larger is worse."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """One system in one line: its state and its worst finding in words."""

    state: State
    headline: str


def worst(states: Iterable[State]) -> State:
    """The worst of the states; OK where there are none.

    >>> worst([State.OK, State.CRITICAL, State.NO_DATA]).value
    'critical'
    """
    return max(states, key=lambda state: state.rank, default=State.OK)
