"""Opened on first use, exactly once, however many ask at the same time; closed once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A resource that opens when it is first asked for.

    Everybody who asks while it opens waits for the same opening, and a caller that gives up does not end it for
    the others. A failed opening is raised to all who waited; the next one to ask tries again.
    """

    def __init__(self, open_: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[None]]) -> None:
        self._open = open_
        self._close = close
        self._opening: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The resource. Raises what opening it raised."""
        if self._opening is None or _has_failed(self._opening):
            self._opening = asyncio.ensure_future(self._run())
        return await asyncio.shield(self._opening)

    async def _run(self) -> T:
        return await self._open()

    @property
    def opened(self) -> T | None:
        """The resource if it is open now."""
        task = self._opening
        return task.result() if task is not None and task.done() and not _has_failed(task) else None

    async def aclose(self) -> None:
        """Closes what was opened, and stops an opening under way. Later asking opens anew."""
        task, self._opening = self._opening, None
        if task is None:
            return
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not _has_failed(task):
            await self._close(task.result())


def _has_failed(task: asyncio.Task[T]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
