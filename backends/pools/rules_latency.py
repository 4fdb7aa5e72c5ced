"""Whether the content look-ups take longer than was promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.clients.timings import Timings
from backends.pools.finding import Finding
from backends.pools.model import Latency
from backends.sampling.state import State

LATENCY_WARNING_MS: Final = 100.0
"""95th percentile of content look-ups across the databases from which on people are alerted; what is promised no less,
as finding by a filter is, is judged by its promise alone.
"""

CACHED_MS: Final = 10.0
GET_MS: Final = 50.0
BATCH_MS: Final = 100.0
FIND_MS: Final = 200.0
"""95th percentiles that the founding document promises: from the cache, by id, fifty by their ids, by a filter."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """One kind of content look-up: its times, and the 95th percentile in milliseconds that was promised for it."""

    name: str
    timings: Timings
    target_ms: float

    @property
    def missed(self) -> bool:
        """Whether it takes longer than promised."""
        return self.timings.p95_ms is not None and self.timings.p95_ms > self.target_ms

    @property
    def alerts(self) -> bool:
        """Whether people are alerted where it takes longer than LATENCY_WARNING_MS."""
        return self.target_ms <= LATENCY_WARNING_MS


def look_ups(latency: Latency) -> tuple[LookUp, ...]:
    """The content look-ups, each with its target."""
    return (
        LookUp("get", latency.get_content, GET_MS),
        LookUp("batch of 50", latency.get_contents_batch, BATCH_MS),
        LookUp("cached get", latency.cached, CACHED_MS),
        LookUp("find", latency.find_contents, FIND_MS),
    )


def judge_latency(latency: Latency) -> Finding:
    """Content look-ups against their targets. Not measured is no finding: the probe may not have run yet."""
    missed = [each for each in look_ups(latency) if each.missed]
    if missed:
        worst_one = max(missed, key=lambda each: (each.timings.p95_ms or 0.0) / each.target_ms)
        return Finding(State.WARNING, missed_in_words(worst_one))
    return Finding(State.NO_DATA, latency.problem.message) if latency.problem is not None else Finding(State.OK)


def missed_in_words(look_up: LookUp) -> str:
    """A look-up that takes longer than promised.

    >>> missed_in_words(LookUp("get", Timings(1.0, 80.4, 200.0, 9), 50.0))
    'content get: p95 80 ms, promised 50 ms'
    >>> missed_in_words(LookUp("get", Timings(1.0, 180.4, 200.0, 9), 50.0))
    'content get: p95 180 ms, promised 50 ms, alert above 100 ms'
    >>> missed_in_words(LookUp("find", Timings(1.0, 250.4, 300.0, 9), 200.0))
    'content find: p95 250 ms, promised 200 ms'
    """
    p95_ms = look_up.timings.p95_ms or 0.0
    alert = f", alert above {LATENCY_WARNING_MS:.0f} ms" if look_up.alerts and p95_ms > LATENCY_WARNING_MS else ""
    return f"content {look_up.name}: p95 {p95_ms:.0f} ms, promised {look_up.target_ms:.0f} ms{alert}"
