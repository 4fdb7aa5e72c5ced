"""Percentiles of histograms in Prometheus text: counts that only grow, by the upper bounds of their buckets."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from backends.clients.timings import NOT_MEASURED, WINDOW_S, Timings

Buckets = Mapping[float, float]
"""Upper bound in milliseconds (the last is infinite) → how many measurements were at most that, since the start."""

MOST_SERIES: Final = 1_000
"""Histograms that are remembered; those of an endpoint whose labels never end are not."""


class Histograms:
    """What was measured lately: a histogram's growth over the last five minutes.

    Of one that was read only once, all that it counts, since nothing else is known of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read: dict[str, deque[tuple[float, Buckets]]] = {}

    def timings(self, name: str, buckets: Buckets) -> Timings:
        """The percentiles, with the histogram as it was read now."""
        if len(self._read) >= MOST_SERIES and name not in self._read:
            return timings(buckets)
        readings = self._read.setdefault(name, deque(maxlen=int(WINDOW_S)))
        if readings and not _has_grown(readings[-1][1], buckets):
            readings.clear()  # its process began anew
        readings.append((self._clock(), buckets))
        while readings[0][0] < readings[-1][0] - WINDOW_S:
            readings.popleft()
        if len(readings) == 1:
            return timings(buckets)
        before = readings[0][1]
        return timings({bound: count - before.get(bound, 0.0) for bound, count in buckets.items()})


def timings(buckets: Buckets) -> Timings:
    """The percentiles, each as far into its bucket as its rank.

    >>> timings({10.0: 90.0, 20.0: 100.0, float("inf"): 100.0})
    Timings(p50_ms=5.556, p95_ms=15.0, p99_ms=19.0, n=100)
    """
    ranked = sorted(buckets.items())
    n = int(ranked[-1][1]) if ranked else 0
    if n <= 0:
        return NOT_MEASURED
    p50, p95, p99 = (round(_percentile(ranked, share * n), 3) for share in (0.5, 0.95, 0.99))
    return Timings(p50, p95, p99, n)


def _percentile(ranked: list[tuple[float, float]], rank: float) -> float:
    lower, below = 0.0, 0.0
    for bound, count in ranked:
        if count >= rank:
            # Of the last bucket only its lower bound is known.
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower


def _has_grown(before: Buckets, after: Buckets) -> bool:
    return before.keys() == after.keys() and all(after[bound] >= count for bound, count in before.items())
