"""The one loop of a source: await, publish, sleep. Never two reads at once, never an exception to the outside."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from backends.clients.errors import BackendError, DeadlineExceeded
from backends.sampling.reading import Problem, Reading, utc_now

T = TypeVar("T")

_log = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts at most, however long a source has been failing."""

READ_DEADLINE: Final = 12.0
"""Seconds that one read may take in all: a connection's 10 s and a little for the answer."""


def no_rest(_: object) -> float:
    """Every value may be followed by the next after the usual pause."""
    return 0.0


class Poller(Generic[T]):
    """Reads one source again and again while `run` runs, and publishes a Reading after each attempt.

    refresh is in seconds. unexpected turns an exception that no backend foresaw into a Problem (and a report).
    rest: seconds to wait beyond the refresh after a value, such as that of a server which is hot. taken: when a value
    came to be, where somebody else made it and reading only finds it; every: seconds between two reads of such a value,
    whose refresh says how long it is good.
    The reading outlives a cancelled run, so that a screen that comes back shows the last value with its age.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[T]],
        refresh: float,
        unexpected: Callable[[Exception], Problem],
        *,
        deadline: float = READ_DEADLINE,
        now: Callable[[], datetime] = utc_now,
        name: str = "a source",
        rest: Callable[[T], float] = no_rest,
        taken: Callable[[T], datetime | None] | None = None,
        every: float | None = None,
    ) -> None:
        self._name = name
        self._refresh = refresh
        self._taken = taken
        self._every = every or refresh
        self._rest = rest
        self._read = read
        self._unexpected = unexpected
        self._deadline = deadline
        self._now = now
        self._wake = asyncio.Event()
        self.reading: Reading[T] = Reading(refresh)

    async def run(self, publish: Callable[[Reading[T]], object]) -> None:
        """Polls until cancelled; a value that is young enough is waited out first."""
        if self.reading.number:
            publish(self.reading)
            await self._sleep_rest()
        while True:
            self._wake.clear()
            self.reading = await self._attempt()
            publish(self.reading)
            await self._sleep()

    def refresh_now(self) -> None:
        """Ends the current sleep, if there is one; a read under way is not disturbed."""
        self._wake.set()

    async def _attempt(self) -> Reading[T]:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                value = await self._read()
        except BackendError as error:
            return self._failed(error.problem(), started)
        except TimeoutError:
            return self._failed(DeadlineExceeded(f"no answer within {self._deadline:g} s").problem(), started)
        except Exception as error:
            return self._failed(self._unexpected(error), started)
        if self.reading.problem is not None:
            _log.info("%s answers again", self._name)
        at = self._now() if self._taken is None else self._taken(value)
        reading = self.reading.succeeded(value, at, time.monotonic() - started)
        return replace(reading, refresh=self._refresh + self._rest(value))

    def _failed(self, problem: Problem, started: float) -> Reading[T]:
        if self.reading.problem is None or self.reading.problem.kind != problem.kind:
            _log.warning("%s: %s: %s (%s)", self._name, problem.kind, problem.message, problem.where)
        pause = timedelta(seconds=pause_after(self.reading.failures + 1, self._every))
        return self.reading.failed(problem, self._now() + pause, time.monotonic() - started)

    async def _sleep(self) -> None:
        pause = self.reading.refresh if self._taken is None else self._every
        if self.reading.retry_at is not None:
            pause = max((self.reading.retry_at - self._now()).total_seconds(), 0.1)
        await self._pause(min(pause, LONGEST_PAUSE + self.reading.refresh))

    async def _sleep_rest(self) -> None:
        age = self.reading.age(self._now())
        if age is not None and self.reading.problem is None and self._taken is None:
            await self._pause(self.reading.refresh - age.total_seconds())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()
        except TimeoutError:
            pass


def pause_after(failures: int, refresh: float) -> float:
    """Seconds until the next attempt: doubling from the refresh, with jitter of a quarter, at most LONGEST_PAUSE.

    >>> 1.5 <= pause_after(1, 2.0) <= 2.5 and pause_after(50, 2.0) <= LONGEST_PAUSE * 1.25
    True
    """
    base: float = min(refresh * 2 ** min(failures - 1, 16), LONGEST_PAUSE)
    return base * random.uniform(0.75, 1.25)
