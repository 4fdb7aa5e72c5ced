"""A light probe of the content look-ups: how long they take from here, on ids that exist."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from backends.clients.errors import BackendError, DeadlineExceeded, NotConfigured
from backends.clients.timings import Durations
from backends.pools.content import ContentMetadata
from backends.pools.model import Latency
from backends.sampling.reading import Problem

BATCH: Final = 50
"""Ids of one batch, the founding document's number."""

FILTER: Final = {"is_published": True}
"""What the probe finds: the platform's own commonest filter."""

DEADLINE_MS: Final = 400
"""The server ends a monitoring query after this long; one that it ended counts with the time that it took."""

OWN_DELAY_S: Final = 0.02
"""While this process itself is late by more, what it measures says nothing of the databases, and isn't counted."""

WATCH_S: Final = 0.002

PROBE_REFRESH_S: Final = 10.0
"""Seconds between two measurements where they follow each other."""

FIRST_ROUNDS: Final = 5
"""Measurements of the first call, so that a headless report has more than one."""

ATTEMPTS: Final = 3
"""Attempts at one measurement in one call, where this process was late."""


class LatencyProbe:
    """Each call measures once more (five times on the first); the answer is over the last five minutes.

    An id is asked for as a batch of one, which never comes from the cache, then twice as anybody would: the second
    answer is the cache's. What is found by a filter is what is published, as on the platform's pages.
    """

    def __init__(self, content: ContentMetadata) -> None:
        self._content = content
        self._get = Durations()
        self._cached = Durations()
        self._batch = Durations()
        self._find = Durations()
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
        return Latency(
            self._get.timings(),
            self._batch.timings(),
            problem,
            self._cached.timings(),
            self._find.timings(),
            self._content.cache.hit_rate,
        )

    async def _once_more(self) -> None:
        if not self._ids:
            self._ids = await self._content.some_ids(BATCH, max_time_ms=DEADLINE_MS)
            # What happens once a process, such as opening a connection, is no look-up's time.
            await self._content.get_contents_batch(self._ids[:1])
        for _ in range(1 if self._get.timings().n else FIRST_ROUNDS):
            if self._ids:
                await self._round(self._ids)

    async def _round(self, ids: list[str]) -> None:
        one = random.choice(ids)
        await self._timed(self._get, lambda: self._look_up([one]))
        await self._timed(self._batch, lambda: self._look_up(ids))
        if await self._content.get_content(one) is not None:
            await self._timed(self._cached, lambda: self._content.get_content(one))
        await self._timed(self._find, lambda: self._content.find_contents(FILTER, limit=BATCH))

    async def _look_up(self, ids: list[str]) -> None:
        found = await self._content.get_contents_batch(ids)
        if len(found) < len(ids):  # some were deleted meanwhile
            self._ids = []

    async def _timed(self, durations: Durations, look_up: Callable[[], Awaitable[object]]) -> None:
        """Measures one look-up, in seconds; one that the server ended counts too."""
        for _ in range(ATTEMPTS):
            async with _late() as late:
                started = time.monotonic()
                try:
                    await look_up()
                except DeadlineExceeded:
                    durations.add(time.monotonic() - started)
                    raise
                took = time.monotonic() - started
            if late() < OWN_DELAY_S:
                durations.add(took)
                break


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
