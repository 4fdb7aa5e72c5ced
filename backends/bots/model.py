"""Bot sessions: what is true of them. Times are UTC, lengths of time are seconds, texts are safe to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Self

from backends.sampling.state import State


class Status(Enum):
    """A session's status, in the one vocabulary that the six of the service map onto."""

    PENDING = "pending"
    STARTING = "starting"
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"


ENDED = frozenset({Status.COMPLETED, Status.FAILED})
"""The statuses that nothing leaves."""


class Health(Enum):
    """How well a bot or a service does, best first. Unknown is never better than degraded."""

    HEALTHY = "healthy"
    RECOVERING = "recovering"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"

    @property
    def rank(self) -> int:
        """0 for the best; larger is worse."""
        return list(Health).index(self)


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the four things that a bot's health is made of: errors, latency, activity, status.

    score is the platform's number, 0 to 1; None where there is no data. why says what it was judged by.
    """

    name: str
    health: Health
    score: float | None
    why: str


@dataclass(frozen=True, slots=True)
class BotHealth:
    """A bot's health: the worst of its factors that are known.

    score is the mean of the known factors, as the platform has it, unless a factor is unhealthy: then it is that
    factor's, so that a bot in error never looks healthy. band is the platform's word for the score.
    """

    state: Health
    score: float | None
    band: str
    factors: tuple[Factor, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a session: its kind in a few words, how bad, and the evidence."""

    kind: str
    severity: State
    what: str


class Side(Enum):
    """Whose fault a failure is: ours, the meeting's host's, the meeting platform's, the network's."""

    US = "us"
    HOST = "host"
    PLATFORM = "platform"
    NETWORK = "network"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FaultCount:
    """Failures of one side: in the last hour, and in the day of which it is a part."""

    side: Side
    hour: int
    day: int

    @property
    def trend(self) -> int:
        """1 where the last hour has more than the day's other hours on average, -1 where it has less, else 0."""
        usual = (self.day - self.hour) / 23
        return 1 if self.hour > max(usual * 1.5, usual + 0.5) else -1 if self.hour < usual * 0.5 else 0


@dataclass(frozen=True, slots=True)
class Stray:
    """A bot that the service runs and no live session tells of. age_s is None where the service doesn't say."""

    bot_id: str
    session_id: str
    meeting_id: str
    platform: str
    status: str
    age_s: float | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class Speech:
    """What was said in a session: transcript lines, words, when last, in which languages."""

    lines: int = 0
    words: int = 0
    last_at: datetime | None = None
    languages: tuple[str, ...] = ()

    def plus(self, later: Self) -> Self:
        """Both together."""
        languages = tuple(sorted({*self.languages, *later.languages}))
        return type(self)(
            self.lines + later.lines, self.words + later.words, latest(self.last_at, later.last_at), languages
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """A session's events: how many, how many of them errors, the newest, and the newest that changed the status."""

    events: int = 0
    errors: int = 0
    last_at: datetime | None = None
    changed_at: datetime | None = None

    def plus(self, later: Self) -> Self:
        """Both together."""
        return type(self)(
            self.events + later.events,
            self.errors + later.errors,
            latest(self.last_at, later.last_at),
            latest(self.changed_at, later.changed_at),
        )

    @property
    def error_rate(self) -> float | None:
        """Share of events that are errors; None without events."""
        return self.errors / self.events if self.events else None


@dataclass(frozen=True, slots=True)
class Children:
    """What a session's child tables say; None for what this database can't tell.

    recent is the activity of the last minutes, latency_s the mean processing time of a chunk in that time.
    """

    speech: Speech | None = None
    activity: Activity | None = None
    recent: Activity | None = None
    participants: int | None = None
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A row of `bot_sessions`, made safe. Optional columns that this database lacks are None."""

    session_id: str
    bot_id: str
    meeting_id: str
    title: str
    platform: str
    raw_status: str
    recovering: bool | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    target_languages: tuple[str, ...]
    transcribes: bool
    error: str
    version: str = ""
    extended_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is shown.

    status is one of Status' words, or the database's own word where that is unknown. age_s counts from its creation,
    in_state_s from its last change of status (None where nothing tells it), quiet_s from its last sign of life.
    version changes with every change of its row; fault is the side at fault where it failed; limit_s how long it may
    run.
    """

    session_id: str
    bot_id: str
    meeting_id: str
    title: str
    platform: str
    status: str
    recovering: bool | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    age_s: float
    in_state_s: float | None
    quiet_s: float | None
    participants: int | None
    lines: int | None
    words: int | None
    last_word_at: datetime | None
    last_word_s: float | None
    languages: tuple[str, ...]
    target_languages: tuple[str, ...]
    error: str
    health: BotHealth
    findings: tuple[Finding, ...]
    version: str = ""
    fault: Side | None = None
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions, newest first, as they were at `at` (the server's clock).

    counts holds every status' number of sessions in the whole table, unknown words as themselves. next continues the
    list (None at its end). missing names tables and columns that this database lacks, and what that hides. strays are
    bots without a session, as the service tells; faults the failures of the last day by side, the most first.
    """

    at: datetime
    sessions: tuple[Session, ...]
    counts: Mapping[str, int]
    next: str | None
    missing: tuple[str, ...]
    strays: tuple[Stray, ...] = ()
    faults: tuple[FaultCount, ...] = ()

    @property
    def total(self) -> int:
        """All sessions of the table."""
        return sum(self.counts.values())

    @property
    def live(self) -> int:
        """All sessions whose status is known and no end."""
        return sum(self.counts.get(status.value, 0) for status in Status if status not in ENDED)


def latest(*times: datetime | None) -> datetime | None:
    """The latest of those that are known."""
    return max((time for time in times if time is not None), default=None)
