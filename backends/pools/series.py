"""Which figures are kept for an hour, and under which names people see them."""

from __future__ import annotations

from collections.abc import Iterator

from backends.pools.model import Latency, Place, Pool

Value = tuple[str, float | None]
"""A series and its newest value; None where there is none."""


def server_series(place: Place) -> str:
    """A server's connections."""
    return f"on {place.kind.value} {place.name}"


def pool_series(pool: Pool) -> str:
    """A pool's connections in use."""
    return f"{_called(pool)}: in use"


def pool_values(pool: Pool) -> Iterator[Value]:
    """What is kept of a pool: in use, waiting, and how long check-outs took (95th percentile, milliseconds)."""
    yield pool_series(pool), pool.active
    yield f"{_called(pool)}: waiting", pool.waiting
    yield f"{_called(pool)}: wait p95 ms", pool.wait.p95_ms


def latency_values(latency: Latency) -> Iterator[Value]:
    """What is kept of the content look-ups: 95th percentiles in milliseconds."""
    yield "content get: p95 ms", latency.get_content.p95_ms
    yield "content batch of 50: p95 ms", latency.get_contents_batch.p95_ms
    yield "content find: p95 ms", latency.find_contents.p95_ms


def _called(pool: Pool) -> str:
    """The pool's name; this console's own by what they are for."""
    return f"own {pool.role or pool.name}" if pool.own else pool.name
