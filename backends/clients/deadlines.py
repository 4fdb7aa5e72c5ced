"""Deadlines: for readings that may take longer than a client's own, and for answers that a busy machine is late for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

SLICE_S: Final = 0.1
"""Seconds between two looks at the clock; this process was kept from running if one comes much later."""

LONGEST: Final = 4.0
"""How many times its seconds a deadline lasts at most, however busy the machine is."""


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Inside the block a Mongo operation may take this long, here and on the server, whatever the client's timeouts."""
    import pymongo

    with pymongo.timeout(seconds):
        yield


class Patience:
    """A deadline that counts only time in which an answer could have been taken; the block raises TimeoutError.

    lost_s: seconds in which this process did not run: another one had the processor, or it was importing.
    """

    def __init__(self, seconds: float) -> None:
        self.lost_s = 0.0
        self._left_s = seconds
        self._lost_most_s = seconds * (LONGEST - 1)
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._next()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(*raised)

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        self._slice_s = min(SLICE_S, self._left_s)
        self._looked_at = loop.time()
        self._timer = loop.call_later(self._slice_s, self._look)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        late_s = now - self._looked_at - self._slice_s
        self.lost_s += late_s if late_s > SLICE_S else 0.0
        self._left_s -= self._slice_s + (late_s if late_s <= SLICE_S else 0.0)
        if self._left_s > 0 and self.lost_s < self._lost_most_s:
            self._next()
        else:
            self._timeout.reschedule(now)
