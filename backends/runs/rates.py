"""How fast a run is: its rate just now, and the least and the most that is to be expected of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW_S: Final = 60.0
"""Seconds of work that the rates are taken from."""

PART_S: Final = 5.0
"""Seconds of work that make one rate; shorter ones say more of chance than of the run."""


@dataclass(slots=True)
class Rates:
    """Rates from batches: seconds that the run worked and items that it did, waiting left out."""

    _parts: deque[tuple[float, int]] = field(default_factory=deque)
    _took: float = 0.0
    _items: int = 0

    def add(self, took_s: float, items: int) -> None:
        """A batch."""
        self._took += took_s
        self._items += items
        if self._took >= PART_S:
            self._parts.append((self._took, self._items))
            self._took, self._items = 0.0, 0
        while len(self._parts) > 2 and sum(took for took, _ in self._parts) > WINDOW_S:
            self._parts.popleft()

    @property
    def now(self) -> float | None:
        """Items a second in the newest part; None before there was any work."""
        took, items = (self._took, self._items) if self._took >= PART_S / 2 or not self._parts else self._parts[-1]
        return items / took if took > 0 else None

    @property
    def range(self) -> tuple[float, float] | None:
        """The slowest and the fastest part of the window; None until there are two, which is how long it is unknown.

        >>> rates = Rates()
        >>> for items in (100, 50): rates.add(5.0, items)
        >>> rates.range
        (10.0, 20.0)
        """
        if len(self._parts) < 2:
            return None
        each = [items / took for took, items in self._parts]
        return min(each), max(each)

    def expected(self, pace: float | None) -> tuple[float, float] | tuple[None, None]:
        """The least and the most that is to be expected: the range, but not above the pace that was asked for.

        >>> rates = Rates()
        >>> rates.expected(12.0)
        (None, None)
        >>> for items in (100, 50): rates.add(5.0, items)
        >>> rates.expected(None), rates.expected(12.0), rates.expected(0.05)
        ((10.0, 20.0), (10.0, 12.0), (0.05, 0.05))
        """
        if self.range is None:
            return None, None
        slow, fast = self.range
        return (slow, fast) if pace is None else (min(slow, pace), min(fast, pace))
