"""Counts of a client's pool, as its own driver reports them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

from backends.clients.targets import PoolLimits
from backends.clients.timings import NOT_MEASURED, Durations, Timings


@dataclass(frozen=True, slots=True)
class PoolCount:
    """A pool's connections now: checked out, idle, and requests waiting for one, beside its limits.

    opened, closed and queries (round trips to the server) count since the client was made. wait and create: how long
    check-outs and the establishing of connections took lately. monitors: the driver's own sockets outside the pool.
    busy_s: seconds that queries took in all. failures: requests that got no connection, by reason. apart: connections
    of its own beside the pool, for listening, for what takes minutes, and for writing.
    """

    max: int
    min: int
    active: int
    idle: int
    waiting: int
    opened: int
    closed: int
    queries: int = 0
    monitors: int = 0
    wait: Timings = NOT_MEASURED
    create: Timings = NOT_MEASURED
    busy_s: float = 0.0
    failures: Mapping[str, int] = field(default_factory=dict)
    apart: int = 0

    @property
    def connections(self) -> int:
        """Every socket that the client has open to its servers."""
        return self.active + self.idle + self.monitors + self.apart

    @classmethod
    def unopened(cls, limits: PoolLimits) -> PoolCount:
        """A pool that nobody has used yet."""
        return cls(limits.max, limits.min, 0, 0, 0, 0, 0)


class MongoPoolCounter:
    """Counts from PyMongo's events, which arrive on the driver's threads. Durations are in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._opened = self._closed = self._active = self._waiting = self._queries = 0
        self._busy_s = 0.0
        self._since: dict[Hashable, float] = {}
        self._failures: Counter[str] = Counter()
        self._opening: set[Hashable] = set()
        self._monitored: set[Hashable] = set()
        self._waits = Durations()
        self._creates = Durations()

    def opening(self, connection: Hashable) -> None:
        """A connection is being established."""
        with self._lock:
            self._opened += 1
            self._opening.add(connection)

    def ready(self, connection: Hashable, took: float) -> None:
        """It is established."""
        with self._lock:
            self._opening.discard(connection)
            self._creates.add(took)

    def closed(self, connection: Hashable) -> None:
        """It is closed, or could not be established."""
        with self._lock:
            self._opening.discard(connection)
            self._closed += 1

    def wait_started(self) -> None:
        """Somebody asks for a connection."""
        with self._lock:
            self._waiting += 1

    def wait_failed(self, reason: str) -> None:
        """Somebody got none."""
        with self._lock:
            self._waiting -= 1
            self._failures[reason] += 1

    def checked_out(self, connection: Hashable, took: float) -> None:
        """Somebody got one; each operation of the driver checks out anew."""
        with self._lock:
            self._waiting -= 1
            self._active += 1
            self._queries += 1
            self._waits.add(took)
            self._since[connection] = self._clock()

    def checked_in(self, connection: Hashable) -> None:
        """Somebody gave one back."""
        with self._lock:
            self._active -= 1
            now = self._clock()
            self._busy_s += now - self._since.pop(connection, now)

    def monitored(self, server: Hashable, answers: bool) -> None:
        """A server's monitor has its socket, or has lost it."""
        with self._lock:
            (self._monitored.add if answers else self._monitored.discard)(server)

    def count(self, limits: PoolLimits) -> PoolCount:
        """The counts now, beside the limits."""
        with self._lock:
            established = self._opened - self._closed - len(self._opening)
            return PoolCount(
                limits.max,
                limits.min,
                self._active,
                max(established - self._active, 0),
                self._waiting,
                self._opened,
                self._closed,
                self._queries,
                len(self._monitored),
                self._waits.timings(),
                self._creates.timings(),
                self._busy_s,
                dict(self._failures),
            )
