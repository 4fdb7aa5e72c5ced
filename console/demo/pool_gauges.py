"""The client processes' pools as Prometheus text, under the platform's metric names and OpenTelemetry's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from threading import Lock
from time import perf_counter
from typing import Any, Final

import asyncpg
from pymongo import monitoring

SAMPLES: Final = 500
"""Latencies kept for the quantiles."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool at one moment, in connections; `waiting` in requests, None where the driver doesn't tell.

    `system` is what it connects to, in OpenTelemetry's word.
    """

    name: str
    system: str
    active: int
    idle: int
    waiting: int | None
    least: int
    most: int


class MongoPool(monitoring.ConnectionPoolListener):
    """Counts one client's connections, from the driver's own events, which come from several threads."""

    def __init__(self, name: str, least: int, most: int) -> None:
        self._name, self._least, self._most = name, least, most
        self._open = self._active = self._waiting = 0
        self._lock = Lock()

    def state(self) -> PoolState:
        with self._lock:
            idle = self._open - self._active
            return PoolState(self._name, "mongodb", self._active, idle, self._waiting, self._least, self._most)

    def _count(self, opened: int = 0, active: int = 0, waiting: int = 0) -> None:
        with self._lock:
            self._open += opened
            self._active += active
            self._waiting += waiting

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        self._count(opened=1)

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        self._count(opened=-1)

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None:
        self._count(waiting=1)

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        self._count(waiting=-1)

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        self._count(active=1, waiting=-1)

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        self._count(active=-1)

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None: ...

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None: ...

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None: ...

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None: ...

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None: ...


def postgres_state(name: str, pool: asyncpg.Pool[asyncpg.Record]) -> PoolState:
    idle = pool.get_idle_size()
    return PoolState(name, "postgresql", pool.get_size() - idle, idle, None, pool.get_min_size(), pool.get_max_size())


@dataclass(slots=True)
class Timing:
    """Latencies of one operation, in seconds."""

    name: str
    count: int = 0
    total: float = 0.0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    async def of(self, call: Callable[[], Any]) -> Any:
        """Await the call and keep how long it took, unless it fails."""
        start = perf_counter()
        result = await call()
        took = perf_counter() - start
        self.count, self.total = self.count + 1, self.total + took
        self.latest.append(took)
        return result


def text(pools: Iterable[PoolState], timings: Iterable[Timing]) -> str:
    return "\n".join([*_pools(list(pools)), *(line for timing in timings for line in _timing(timing)), ""])


GAUGES: Final = (
    ("olorin_db_connections_active", "pool", "active"),
    ("olorin_db_connections_idle", "pool", "idle"),
    ("olorin_db_connections_waiting", "pool", "waiting"),
    ("olorin_db_connections_max", "pool", "most"),
    ("db_client_connection_max", "db_client_connection_pool_name", "most"),
    ("db_client_connection_idle_min", "db_client_connection_pool_name", "least"),
    ("db_client_connection_pending_requests", "db_client_connection_pool_name", "waiting"),
)
"""Metric, the label that names the pool, and the field of PoolState."""


def _pools(pools: list[PoolState]) -> Iterator[str]:
    for name, label, field_ in GAUGES:
        yield f"# TYPE {name} gauge"
        for pool in pools:
            if (value := getattr(pool, field_)) is not None:
                system = f',db_system_name="{pool.system}"' if name.startswith("db_client") else ""
                yield f'{name}{{{label}="{pool.name}"{system}}} {value}'
    yield "# TYPE db_client_connection_count gauge"
    for pool in pools:
        for state, count in (("used", pool.active), ("idle", pool.idle)):
            labels = f'db_client_connection_pool_name="{pool.name}",db_client_connection_state="{state}"'
            yield f'db_client_connection_count{{{labels},db_system_name="{pool.system}"}} {count}'


def _timing(timing: Timing) -> Iterator[str]:
    yield f"# TYPE {timing.name} summary"
    if len(timing.latest) >= 2:
        cuts = quantiles(timing.latest, n=100, method="inclusive")
        for quantile in (50, 95, 99):
            yield f'{timing.name}{{quantile="{quantile / 100:g}"}} {cuts[quantile - 1]:.6f}'
    yield f"{timing.name}_sum {timing.total:.6f}"
    yield f"{timing.name}_count {timing.count}"
