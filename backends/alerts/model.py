"""Rules, how each stands, and what people said to it; the systems of a profile and how each stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from backends.sampling.measure import Absent
from backends.sampling.reading import Problem
from backends.sampling.state import State, Summary


@dataclass(frozen=True, slots=True)
class System:
    """A system: the key and name of its screen, how often to look (seconds), and what tells its state."""

    key: str
    name: str
    refresh: float
    read: Callable[[], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a system stands: its state and its worst finding; the problem where it could not be asked."""

    name: str
    state: State
    headline: str
    problem: Problem | None = None


class Compare(Enum):
    """When a value is beyond a threshold."""

    ABOVE = ">"
    FROM = ">="
    BELOW = "<"


class Phase(Enum):
    """The state of an alert."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    NO_DATA = "no data"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, slots=True)
class Rule:
    """One threshold. It fires once the measure was beyond it for for_s seconds and in_a_row samples, and stays until
    the measure reached clear.

    source: the document that says so. window: which time the measure covers, in words. stale_s: seconds after which a
    sample says nothing of now. depends: rules whose firing explains this one. runbook: its page. origin: who set it.
    """

    id: str
    group: str
    measure: str
    compare: Compare
    threshold: float
    clear: float
    severity: State
    source: str
    unit: str
    todo: str
    runbook: str
    for_s: float = 0.0
    in_a_row: int = 1
    window: str = "now"
    stale_s: float = 90.0
    depends: tuple[str, ...] = ()
    origin: str = "built in"


class Observation(NamedTuple):
    """What a rule saw: the worst of its measures, or why there is none. at: when that was sampled. untold: of which
    subjects nothing is told, though what is configured answers ("" for all of them).
    """

    value: float | None
    at: datetime
    subject: str = ""
    what: str = ""
    absent: Absent | None = None
    untold: tuple[str, ...] = ()


class Track(NamedTuple):
    """A rule between two observations. since: of the phase. at: of the newest sample; value None where the last look
    brought none. samples and beyond_since: those beyond the threshold, in a row, and the first of them.

    A tuple, since every look makes one of each rule and a frozen dataclass takes five times as long to make.
    """

    phase: Phase
    since: datetime
    at: datetime
    value: float | None = None
    subject: str = ""
    what: str = ""
    samples: int = 0
    beyond_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Who takes care of an alert, why, and until when. snooze: it holds for its time, whether or not it fires."""

    owner: str
    reason: str
    until: datetime
    at: datetime
    snooze: bool = False


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule as it stands now. cause: the rule that explains it, "" where it stands for itself."""

    rule: Rule
    state: Phase
    value: float | None
    since: datetime
    at: datetime
    subject: str = ""
    what: str = ""
    acknowledged: Acknowledgement | None = None
    cause: str = ""

    @property
    def fires(self) -> bool:
        """Whether something is wrong now, acknowledged or not."""
        return self.state in {Phase.FIRING, Phase.ACKNOWLEDGED}


@dataclass(frozen=True, slots=True)
class Change:
    """A rule went from one phase to another. samples: (when, value) of the ten minutes before it began to fire."""

    id: str
    at: datetime
    before: str
    after: str
    value: float | None
    what: str
    samples: tuple[tuple[datetime, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """All alerts at one time. state: the worst of them. note: why nothing of it is kept, "" where it is."""

    at: datetime
    state: State
    alerts: tuple[Alert, ...]
    note: str = ""
