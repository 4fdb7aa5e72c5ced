"""Whether this console may change anything now: for good with --allow-writes, for ten minutes once armed, else not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

ARMED_S: Final = 600.0
"""Seconds that arming lasts."""


class Arming:
    """Read-only until it is armed. allowed: --allow-writes or OLORIN_CONSOLE_ALLOW_WRITES."""

    def __init__(self, allowed: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.allowed = allowed
        self._clock = clock
        self._until = -math.inf

    @property
    def armed(self) -> bool:
        """Whether changes are open now."""
        return self.allowed or self.left_s > 0

    @property
    def left_s(self) -> float:
        """Seconds until it is read-only again; 0 where it is, or where it is open for good."""
        return 0.0 if self.allowed else max(self._until - self._clock(), 0.0)

    @property
    def words(self) -> str:
        """What the title bar says of it; "" where it is read-only.

        >>> Arming(allowed=True).words, Arming().words
        ('WRITES ALLOWED', '')
        """
        if self.allowed:
            return "WRITES ALLOWED"
        left_s = math.ceil(self.left_s)
        return f"ARMED {left_s // 60}:{left_s % 60:02}" if left_s else ""

    def arm(self) -> None:
        """Opens changes for ten minutes from now."""
        self._until = self._clock() + ARMED_S

    def disarm(self) -> None:
        """Back to read-only; what was allowed for good stays so."""
        self._until = -math.inf
