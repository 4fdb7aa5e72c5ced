"""How long things took lately: percentiles over a sliding window, for a few bytes a measurement."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

WINDOW_S: Final = 300.0
"""Seconds that a measurement counts."""

WINDOW_COUNT: Final = 1_000
"""Measurements that are kept at most, so that a busy client's window is shorter, never larger."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Percentiles in milliseconds of n measurements; None where there were none."""

    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    n: int = 0

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timings:
        """The percentiles (nearest rank) of durations in seconds.

        >>> Timings.of([0.001 * n for n in range(1, 101)])
        Timings(p50_ms=50.0, p95_ms=95.0, p99_ms=99.0, n=100)
        """
        if not seconds:
            return cls()
        ranked = sorted(seconds)

        def percentile(share: float) -> float:
            return round(ranked[ceil(share * len(ranked)) - 1] * 1000, 3)

        return cls(percentile(0.5), percentile(0.95), percentile(0.99), len(ranked))


NOT_MEASURED: Final = Timings()


class Durations:
    """The durations of the last five minutes. Not safe across threads by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: deque[tuple[float, float]] = deque(maxlen=WINDOW_COUNT)

    def add(self, seconds: float) -> None:
        """Adds a measurement that ended now."""
        self._kept.append((self._clock(), seconds))

    def timings(self) -> Timings:
        """The percentiles of what the window holds now."""
        oldest = self._clock() - WINDOW_S
        while self._kept and self._kept[0][0] < oldest:
            self._kept.popleft()
        return Timings.of([seconds for _, seconds in self._kept])
