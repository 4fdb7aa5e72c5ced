"""Whether numbers grow: each beside what it was some minutes ago, as far back as this console has watched. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

SPAN: Final = timedelta(minutes=10)
"""What numbers are compared with is about so old."""

SAMPLE: Final = timedelta(minutes=1)
"""Time between two numbers that are kept; less than that is no trend."""


class CountTrend:
    """Numbers by name, taken again and again. Times are the server's.

    >>> trend, start = CountTrend(), datetime(2026, 1, 2)
    >>> trend.take(start, {"active": 8, "failed": 1}), trend.take(start + SAMPLE, {"active": 5, "failed": 1})
    ({}, {'active': -3})
    """

    def __init__(self) -> None:
        self._kept: deque[tuple[datetime, Mapping[str, int]]] = deque()

    def take(self, at: datetime, counts: Mapping[str, int]) -> dict[str, int]:
        """By how much each has changed; nothing of what has not, and nothing in the first minute."""
        if self._kept and at < self._kept[-1][0]:
            self._kept.clear()  # another server, or its clock was set
        if not self._kept or at - self._kept[-1][0] >= SAMPLE:
            self._kept.append((at, dict(counts)))
        while len(self._kept) > 1 and at - self._kept[1][0] >= SPAN:
            self._kept.popleft()
        since, before = self._kept[0]
        changed = {name: counts.get(name, 0) - before.get(name, 0) for name in {**before, **counts}}
        return {name: change for name, change in changed.items() if change} if at - since >= SAMPLE else {}
