"""Who wants an execution to end before its run does: a signal, its time limit, a person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Self

from backends.clients.errors import Stopped, StoppedByPerson, StoppedByTime
from backends.runs.obeying import RESUMABLE, StoppedByOrder, stopped_by
from backends.runs.store import Orders


class Ending:
    """The reasons to end, from the moment at which each is heard of.

    max_s: seconds after which the execution ends. tell: is told whether one of them holds.
    """

    def __init__(self, max_s: float | None, tell: Callable[[bool], None]) -> None:
        self._max_s, self._tell = max_s, tell
        self._began = time.monotonic()
        self._signal = ""
        self._order: StoppedByOrder | None = None
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._max_s is not None:
            self._timer = asyncio.get_running_loop().call_later(self._max_s, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def interrupt(self, why: str) -> None:
        """A signal, which nobody takes back."""
        self._signal = why
        self._look()

    def heard(self, orders: Orders) -> None:
        """What people want now, which they may take back."""
        self._order = stopped_by(orders)
        self._look()

    @property
    def reason(self) -> Stopped | None:
        """Why it has to end; None where it has not."""
        if self._signal:
            return StoppedByPerson(f"Stopped by {self._signal}.", hint=RESUMABLE)
        if self._max_s is not None and time.monotonic() - self._began >= self._max_s:
            return StoppedByTime(f"Stopped after {self._max_s / 60:g} minutes.", hint=RESUMABLE)
        return self._order

    def check(self) -> None:
        """Raises Stopped."""
        if (reason := self.reason) is not None:
            raise reason

    async def wait(self, seconds: float) -> None:
        """Returns after the seconds, and as soon as there is a reason to end."""
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    def _look(self) -> None:
        wanted = self.reason is not None
        (self._wanted.set if wanted else self._wanted.clear)()
        self._tell(wanted)
