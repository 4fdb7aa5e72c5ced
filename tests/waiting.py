"""Waiting for a condition that nothing announces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

POLL_S = 0.005


async def until(condition: Callable[[], object], within_s: float = 15.0) -> None:
    """Returns as soon as the condition is true. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - counters and processes have no event to wait for
            await asyncio.sleep(POLL_S)
