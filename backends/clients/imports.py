"""Drivers are imported when they are first used, off the event loop, so that neither the start nor a key waits."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any


async def load(module: str) -> Any:
    """The module, imported in a thread if this is its first use."""
    return await asyncio.to_thread(importlib.import_module, module)
