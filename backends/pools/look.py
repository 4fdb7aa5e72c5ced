"""What one look at a server takes the server itself: a server that is far away is not a slow one."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Final, TypeVar

T = TypeVar("T")

ASYNCPG_TRIPS: Final = 2
"""Round trips of a query of asyncpg that keeps no statements: it is parsed, then executed."""


class Look:
    """Questions to one server, and the seconds that it took to answer them beyond the way there and back.

    round_trip_s: that way's seconds, by something on the same connection that the server has nothing to do for.
    """

    def __init__(self, round_trip_s: float = 0.0) -> None:
        self._round_trip_s = round_trip_s
        self.took_s = 0.0

    async def at(self, answer: Awaitable[T], trips: int = 1) -> T:
        """The answer, which takes so many round trips; one that fails counts too."""
        started = time.monotonic()
        try:
            return await answer
        finally:
            self.took_s += max(time.monotonic() - started - trips * self._round_trip_s, 0.0)
