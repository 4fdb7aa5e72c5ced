"""A light probe of the content look-ups: how long they take from here, on ids that exist."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from backends.clients.errors import BackendError, DeadlineExceeded, NotConfigured
from backends.clients.timings import Durations
from backends.pools.content import ContentMetadata
from backends.pools.model import Latency
from backends.sampling.reading import Problem

BATCH: Final = 50
"""Ids of one batch, the founding document's number."""

DEADLINE_MS: Final = 400
"""The server ends a monitoring query after this long; one that it ended counts with the time that it took."""

IDS_MS: Final = 2_000
"""The deadline of finding ids: some servers read the whole collection for it, so it is done once."""

OWN_DELAY_S: Final = 0.02
"""While this process itself is late by more, what it measures says nothing of the databases, and isn't counted."""

WATCH_S: Final = 0.002

FIRST_ROUNDS: Final = 5
"""Measurements of the first call, so that a headless report has more than one."""

ATTEMPTS: Final = 3
"""Attempts at one measurement in one call, where this process was late."""


class LatencyProbe:
    """Each call measures once more (five times on the first); the answer is over the last five minutes.

    An id is asked for as a batch of one, which never comes from the cache.
    """

    def __init__(self, content: ContentMetadata) -> None:
        self._content = content
        self._get = Durations()
        self._batch = Durations()
        self._ids: list[str] = []

    async def measure(self) -> Latency:
        """The percentiles, with the problem that kept this call from measuring if there was one."""
        try:
            await self._once_more()
        except NotConfigured:
            return self.so_far()
        except BackendError as error:
            return self.so_far(error.problem())
        return self.so_far()

    def so_far(self, problem: Problem | None = None) -> Latency:
        """The percentiles as they are, without measuring."""
        return Latency(self._get.timings(), self._batch.timings(), problem)

    async def _once_more(self) -> None:
        if not self._ids:
            self._ids = await self._content.some_ids(BATCH, max_time_ms=IDS_MS)
            # What happens once a process, such as opening a connection, is no look-up's time.
            await self._content.get_contents_batch(self._ids[:1])
        ids = self._ids
        for _ in range(1 if self._get.timings().n else FIRST_ROUNDS):
            if ids:
                await self._timed(self._get, [random.choice(ids)])
                await self._timed(self._batch, ids)

    async def _timed(self, durations: Durations, ids: list[str]) -> None:
        for _ in range(ATTEMPTS):
            async with _late() as late:
                took = await self._look_up(durations, ids)
            if late() < OWN_DELAY_S:
                durations.add(took)
                break

    async def _look_up(self, durations: Durations, ids: list[str]) -> float:
        """Looks the ids up; returns how long it took, in seconds."""
        started = time.monotonic()
        try:
            found = await self._content.get_contents_batch(ids)
        except DeadlineExceeded:
            durations.add(time.monotonic() - started)
            raise
        if len(found) < len(ids):  # some were deleted meanwhile
            self._ids = []
        return time.monotonic() - started


@asynccontextmanager
async def _late() -> AsyncIterator[Callable[[], float]]:
    """Watches the event loop during the block; what it yields says by how many seconds it woke late at most."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            asleep = time.monotonic()
            await asyncio.sleep(WATCH_S)
            worst = max(worst, time.monotonic() - asleep - WATCH_S)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield lambda: worst
    finally:
        # One more turn, so that a delay at the very end is seen.
        await asyncio.sleep(WATCH_S)
        watching.cancel()
