"""What a figure was over the last hour: a bounded ring a series, columns to draw, and when it reaches its limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

KEPT_S: Final = 3600.0
"""Seconds that a point is kept unless another length is asked for."""

MOST_POINTS: Final = 3600
"""Points of one series: one a second for an hour. Faster ones are thinned, and of each second the largest is kept."""

MOST_SERIES: Final = 500
"""Series that are kept; the one that has had no point for longest goes first."""

WINDOW_S: Final = 600.0
"""Seconds that a slope is worked out from, at most."""

LEAST_S: Final = 60.0
LEAST_POINTS: Final = 8
"""What a slope needs: points, and the seconds between the first and the last of them."""

STEADY: Final = 0.9
"""Share of the variance that a line must explain, so that a slope is one and no noise."""

HORIZON_S: Final = 3600.0
"""Seconds ahead that a forecast is good for."""

Point = tuple[float, float]
"""Time in seconds of a monotonic clock, and value."""


class History:
    """Rings by their series' names."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._rings: dict[str, deque[Point]] = {}

    def add(self, series: str, at: float, value: float | None) -> None:
        """Adds a point; None adds nothing, and leaves a gap."""
        if value is None:
            return
        ring = self._rings.pop(series, None) or deque(maxlen=MOST_POINTS)
        self._rings[series] = ring
        # The newest stays as it is until the next one comes.
        if len(ring) > 1 and ring[-1][0] - ring[-2][0] < self._kept_s / MOST_POINTS:
            (_, last), (began, before) = ring.pop(), ring.pop()
            ring.append((began, max(before, last)))
        ring.append((at, value))
        while ring[0][0] < at - self._kept_s:
            ring.popleft()
        if len(self._rings) > MOST_SERIES:
            del self._rings[next(iter(self._rings))]

    @property
    def names(self) -> tuple[str, ...]:
        """The series that have points, in alphabetical order."""
        return tuple(sorted(self._rings))

    def points(self, series: str) -> Sequence[Point]:
        """The points of a series, oldest first."""
        return tuple(self._rings.get(series, ()))

    def columns(self, series: str, now: float, width: int) -> tuple[float | None, ...]:
        """The largest value of each of `width` stretches of the time that is kept; None where there was no point."""
        return columns(self.points(series), now, width, self._kept_s)

    def full_in_s(self, series: str, limit: float | None) -> float | None:
        """Seconds until the series reaches its limit; None unless that can be told."""
        return full_in_s(self.points(series), limit)


def columns(points: Sequence[Point], now: float, width: int, kept_s: float = KEPT_S) -> tuple[float | None, ...]:
    """The largest value of each of `width` stretches up to now, oldest first.

    Stretches begin at fixed times, so that all but the last stay as they are until the next one begins.

    >>> columns([(10.0, 3.0), (11.0, 5.0), (39.0, 1.0)], now=39.0, width=4, kept_s=40.0)
    (None, 5.0, None, 1.0)
    """
    if width <= 0:
        return ()
    length = kept_s / width
    last = int(now // length)
    found: list[float | None] = [None] * width
    for at, value in points:
        place = width - 1 - (last - int(at // length))
        if 0 <= place < width:
            before = found[place]
            found[place] = value if before is None else max(before, value)
    return tuple(found)


def full_in_s(points: Sequence[Point], limit: float | None) -> float | None:
    """Seconds from the last point until the limit is reached, where a straight and steady rise leads there soon.

    The rise must hold: over the window, and over each half of it at a pace of the same order.

    >>> full_in_s([(10.0 * n, 40.0 + n) for n in range(13)], limit=60)
    80.0
    >>> full_in_s([(10.0 * n, 40.0) for n in range(13)], limit=60) is None
    True
    """
    if limit is None or not points or points[-1][1] >= limit:
        return None
    window = [point for point in points if point[0] >= points[-1][0] - WINDOW_S]
    if len(window) < LEAST_POINTS or window[-1][0] - window[0][0] < LEAST_S:
        return None
    slope, explained = slope_of(window)
    if slope <= 0 or explained < STEADY or not _holds(window, slope):
        return None
    seconds = (limit - window[-1][1]) / slope
    return round(seconds, 1) if seconds <= HORIZON_S else None


def slope_of(points: Sequence[Point]) -> tuple[float, float]:
    """The slope of the line through the points (least squares), a second, and the share of variance it explains."""
    mean_at = sum(at for at, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    across = sum((at - mean_at) ** 2 for at, _ in points)
    down = sum((value - mean) ** 2 for _, value in points)
    if not across or not down:
        return 0.0, 0.0
    both = sum((at - mean_at) * (value - mean) for at, value in points)
    return both / across, both * both / (across * down)


def _holds(window: Sequence[Point], slope: float) -> bool:
    middle = len(window) // 2
    halves = (slope_of(window[: middle + 1])[0], slope_of(window[middle:])[0])
    return all(slope / 2 <= half <= slope * 2 for half in halves)
