"""Counts of a client's pool, as its own driver reports them."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from backends.clients.targets import PoolLimits


@dataclass(frozen=True, slots=True)
class PoolCount:
    """A pool's connections now: checked out, idle, and requests waiting for one, beside its limits."""

    max: int
    min: int
    active: int
    idle: int
    waiting: int
    opened: int
    closed: int

    @classmethod
    def unopened(cls, limits: PoolLimits) -> PoolCount:
        """A pool that nobody has used yet."""
        return cls(limits.max, limits.min, 0, 0, 0, 0, 0)


class MongoPoolCounter:
    """Counts from PyMongo's pool events, which arrive on the driver's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = self._closed = self._active = self._waiting = 0

    def add(self, *, opened: int = 0, closed: int = 0, active: int = 0, waiting: int = 0) -> None:
        """Adds to the counts."""
        with self._lock:
            self._opened += opened
            self._closed += closed
            self._active += active
            self._waiting += waiting

    def count(self, limits: PoolLimits) -> PoolCount:
        """The counts now, beside the limits."""
        with self._lock:
            idle = max(self._opened - self._closed - self._active, 0)
            return PoolCount(limits.max, limits.min, self._active, idle, self._waiting, self._opened, self._closed)
