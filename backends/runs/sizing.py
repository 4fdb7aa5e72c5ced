"""Batches sized to time: as many items as take half a second, within the limits of the job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Self

TARGET_S: Final = 0.5
WEIGHT: Final = 0.3
"""What the newest batch counts in the average of seconds an item."""

GROWTH: Final = 2.0
"""How much larger than the one before it a batch may be at most."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A job's batch: items at the start, at least and at most."""

    start: int
    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.start <= self.most:
            raise ValueError(f"a batch can't start at {self.start} between {self.least} and {self.most}")


@dataclass(frozen=True, slots=True)
class Sizing:
    """The size of the next batch.

    most: what a person left of the job's most; cap: what shrinking left of that; item_s: seconds that an item takes.
    """

    limits: Limits
    size: int
    most: int
    cap: int
    item_s: float | None = None

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """The first batch's."""
        return cls(limits, limits.start, limits.most, limits.most)

    def after(self, items: int, took_s: float) -> Self:
        """After a batch that took so long; one without items says nothing.

        >>> first = Sizing.of(Limits(100, 10, 1000))
        >>> first.after(100, 0.1).size, first.after(100, 50.0).size
        (200, 10)
        """
        if items <= 0 or took_s <= 0:
            return self
        newest = took_s / items
        average = newest if self.item_s is None else WEIGHT * newest + (1 - WEIGHT) * self.item_s
        wished = min(TARGET_S / average, self.size * GROWTH)
        return replace(self, item_s=average, size=self._within(wished, self.cap))

    def shrunk(self) -> Self:
        """Half as large until it is restored, but never below the least."""
        cap = max(self.size // 2, self.limits.least)
        return replace(self, cap=cap, size=self._within(self.size, cap))

    def restored(self) -> Self:
        """As large as it may be: what made it shrink is over. It grows from batch to batch."""
        return self if self.cap == self.most else replace(self, cap=self.most)

    def capped(self, most: int | None) -> Self:
        """With another most, a person's or the job's own again (None)."""
        cap = self.limits.most if most is None else max(min(most, self.limits.most), self.limits.least)
        return replace(self, most=cap, cap=cap, size=self._within(self.size, cap))

    def _within(self, size: float, cap: int) -> int:
        return int(max(self.limits.least, min(size, cap)))
