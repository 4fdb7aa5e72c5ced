"""This console's own pools as Prometheus text, under the OpenTelemetry names under which it reads others'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from backends.clients.timings import Timings
from backends.pools.model import Kind, Pool

_SYSTEMS: Final = {Kind.MONGO: "mongodb", Kind.POSTGRES: "postgresql"}
_GAUGES: Final = (
    ("db_client_connection_max", "max"),
    ("db_client_connection_idle_min", "min"),
    ("db_client_connection_pending_requests", "waiting"),
)
_TIMES: Final = (
    ("db_client_connection_wait_time_seconds", "wait"),
    ("db_client_connection_create_time_seconds", "create"),
)


def exposition(pools: Iterable[Pool]) -> str:
    """The pools' counts and times (summaries over the last five minutes) as text; what isn't known is left out."""
    found = list(pools)
    return "".join(f"{line}\n" for line in (*_counts(found), *_gauges(found), *_timeouts(found), *_times(found)))


def _counts(pools: list[Pool]) -> Iterator[str]:
    yield "# TYPE db_client_connection_count gauge"
    for pool in pools:
        for state, count in (("used", pool.active), ("idle", pool.idle)):
            if count is not None:
                yield f'db_client_connection_count{{{_labels(pool)},db_client_connection_state="{state}"}} {count}'


def _gauges(pools: list[Pool]) -> Iterator[str]:
    for name, field in _GAUGES:
        yield f"# TYPE {name} gauge"
        for pool in pools:
            if (value := getattr(pool, field)) is not None:
                yield f"{name}{{{_labels(pool)}}} {value}"


def _timeouts(pools: list[Pool]) -> Iterator[str]:
    yield "# TYPE db_client_connection_timeouts_total counter"
    for pool in pools:
        yield f"db_client_connection_timeouts_total{{{_labels(pool)}}} {pool.failures.get('timeout', 0)}"


def _times(pools: list[Pool]) -> Iterator[str]:
    for name, field in _TIMES:
        yield f"# TYPE {name} summary"
        for pool in pools:
            times: Timings = getattr(pool, field)
            for quantile, value in (("0.5", times.p50_ms), ("0.95", times.p95_ms), ("0.99", times.p99_ms)):
                if value is not None:
                    yield f'{name}{{{_labels(pool)},quantile="{quantile}"}} {value / 1000:.6g}'


def _labels(pool: Pool) -> str:
    labels = {
        "db_client_connection_pool_name": pool.name,
        "role": pool.role,
        "db_system_name": _SYSTEMS[pool.kind] if pool.kind is not None else None,
    }
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
