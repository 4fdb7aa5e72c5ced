"""Drivers are imported when they are first used, off the event loop, so that neither the start nor a key waits."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
import threading
from typing import Any

_one_at_a_time = threading.Lock()
"""Two threads that import packages which need each other break a deadlock by handing out a half-made module."""


async def load(module: str) -> Any:
    """The module, imported in a thread if this is its first use, after any other that is being imported."""
    return await asyncio.to_thread(_load, module)


def _load(module: str) -> Any:
    with _one_at_a_time:
        new = module not in sys.modules
        found = importlib.import_module(module)
        if new:
            keep_for_good()
        return found


def keep_for_good() -> None:
    """Takes what there is now for what stays: a whole collection would go through all modules, and a key would wait."""
    gc.freeze()
