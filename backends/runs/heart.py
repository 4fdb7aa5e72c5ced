"""The worker's heartbeat, beside its batches, and how it makes a batch end whose worker has lost its right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar

from backends.clients.errors import BackendError, CannotConnect
from backends.runs.store import Fence, LeaseLost, Timing, Worker

T = TypeVar("T")


class Heart:
    """Beats inside its block, from a task of its own."""

    def __init__(self, worker: Worker, fence: Fence, timing: Timing) -> None:
        self._worker = worker
        self._fence = fence
        self._timing = timing
        self._trouble: asyncio.Future[BackendError] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits the work; ends it when the lease is lost, or when no heartbeat got through for as long as one lasts.

        Raises what the work raises, LeaseLost, and CannotConnect.
        """
        task = asyncio.ensure_future(work)
        try:
            waiting: set[asyncio.Future[Any]] = {task, self._trouble}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._trouble.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            if self._trouble.done() and not isinstance(self._trouble.result(), LeaseLost):
                self._trouble = asyncio.get_running_loop().create_future()

    async def _beat(self) -> None:
        heard = time.monotonic()
        while True:
            await asyncio.sleep(self._timing.heartbeat_s)
            try:
                if not await self._worker.beat(self._fence):
                    self._tell(LeaseLost(f"The run {self._fence.run_id} was taken over by another process."))
                    return
                heard = time.monotonic()
            except BackendError as error:
                if time.monotonic() - heard > self._timing.expiry_s:
                    self._tell(CannotConnect(f"No heartbeat gets through: {error.message}", where=error.where))

    def _tell(self, trouble: BackendError) -> None:
        if not self._trouble.done():
            self._trouble.set_result(trouble)
