"""What is known of one source: its last good value, how old that is, and what is wrong if anything is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, Generic, TypeVar

T = TypeVar("T")

STALE_AFTER_REFRESHES: Final = 3
"""A value older than this many refreshes is stale: greyed, marked, and nothing destructive is done on it."""


class Freshness(Enum):
    """The state of a reading; every one of them has a word and a symbol on screen."""

    LOADING = "loading"
    LIVE = "live"
    STALE = "stale"
    DISCONNECTED = "disconnected"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a source gave nothing: safe to show as it is.

    kind is the error's class in words ("cannot connect"), where the masked target, hint what to do,
    report the path of the masked report where the failure was unexpected.
    """

    kind: str
    message: str
    where: str = ""
    hint: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A source as it is known now.

    taken_at (UTC) belongs to value; problem and failures (in a row) to the newest attempt; retry_at is when the
    next attempt follows; refresh: seconds between two attempts while all is well; took_s: the last attempt's seconds.
    number counts the attempts.
    """

    refresh: float
    value: T | None = None
    taken_at: datetime | None = None
    problem: Problem | None = None
    failures: int = 0
    retry_at: datetime | None = None
    took_s: float | None = None
    number: int = field(default=0)

    def succeeded(self, value: T, at: datetime | None, took_s: float) -> Reading[T]:
        """The reading after a good attempt. at: of the value, None where it says that there is nothing yet."""
        return Reading(self.refresh, value, at, took_s=took_s, number=self.number + 1)

    def failed(self, problem: Problem, retry_at: datetime, took_s: float) -> Reading[T]:
        """The reading after a failed attempt: the last good value stays, with its own age."""
        failures = self.failures + 1
        return replace(
            self, problem=problem, failures=failures, retry_at=retry_at, took_s=took_s, number=self.number + 1
        )

    def age(self, now: datetime) -> timedelta | None:
        """How old the value is; None where there is none. Never negative, whatever the clock did."""
        return None if self.taken_at is None else max(now - self.taken_at, timedelta())

    def freshness(self, now: datetime) -> Freshness:
        """The state at the given time (UTC)."""
        if self.problem is not None and self.problem.kind == "not configured":
            return Freshness.NOT_CONFIGURED
        if self.problem is not None:
            return Freshness.DISCONNECTED
        age = self.age(now)
        if age is None:
            return Freshness.LOADING
        return Freshness.STALE if age.total_seconds() > STALE_AFTER_REFRESHES * self.refresh else Freshness.LIVE


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)
