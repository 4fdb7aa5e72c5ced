"""People's orders, heard beside the batches, so that no batch waits for a look at them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from backends.clients.errors import BackendError
from backends.runs.model import Run
from backends.runs.store import Orders, Worker

HEARD_S: Final = 1.0
"""Seconds after which orders are too old to begin a batch on."""

LISTEN_S: Final = 0.5
"""Seconds between two looks at them."""


class Ears:
    """Listens inside its block, from a task of its own. tell: is told what was heard."""

    def __init__(self, worker: Worker, run: Run, tell: Callable[[Orders], None]) -> None:
        self._worker, self._run, self._tell = worker, run, tell
        self._heard: tuple[float, Orders] | None = None
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        # Not cancelled: half an answer would spoil the connection for the run's last words.
        self._over.set()
        if self._task is not None:
            await self._task

    async def orders(self) -> Orders:
        """At most HEARD_S old. Raises BackendError."""
        if self._heard is not None and time.monotonic() - self._heard[0] < HEARD_S:
            return self._heard[1]
        return await self._ask()

    async def _ask(self) -> Orders:
        asked_at = time.monotonic()
        orders = await self._worker.orders(self._run)
        self._heard = asked_at, orders
        self._tell(orders)
        return orders

    async def _listen(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LISTEN_S):
                    await self._over.wait()
                    return
            with suppress(BackendError):  # whoever needs the orders asks, and is told
                await self._ask()
