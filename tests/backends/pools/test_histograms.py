"""Waits and creations that other processes publish as histograms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.clients.timings import NOT_MEASURED, WINDOW_S
from backends.pools.histograms import Histograms, timings
from backends.pools.published import published_pools
from tests.backends.pools.test_published import URL

INF = float("inf")


def text(name: str, counts: dict[str, int], extra: str = "") -> str:
    label = 'db_client_connection_pool_name="bayit_plus"'
    lines = [f'{name}_bucket{{{label}{extra},le="{bound}"}} {count}' for bound, count in counts.items()]
    return "\n".join([f'db_client_connection_count{{{label},state="used"}} 3', *lines, ""])


@pytest.mark.parametrize(
    "name",
    [
        "db_client_connection_wait_time", "db_client_connection_wait_time_seconds",
        "db_client_connections_wait_time_seconds",
    ],
)  # fmt: skip
def test_seconds_are_milliseconds(name: str) -> None:
    (pool,) = published_pools(text(name, {"0.01": 90, "0.02": 100, "+Inf": 100}), URL)
    assert (pool.wait.p50_ms, pool.wait.p95_ms, pool.wait.p99_ms, pool.wait.n) == (5.556, 15.0, 19.0, 100)
    assert pool.create == NOT_MEASURED


def test_the_older_names_are_in_milliseconds_and_the_newer_family_is_believed() -> None:
    old = text("db_client_connections_create_time", {"10": 90, "20": 100, "+Inf": 100})
    (pool,) = published_pools(old, URL)
    assert pool.create.p95_ms == 15.0
    (pool,) = published_pools(old + text("db_client_connection_create_time", {"1": 10, "+Inf": 10}), URL)
    assert pool.create.p95_ms == 950.0


def test_timeouts_are_failures() -> None:
    more = 'db_client_connection_timeouts_total{db_client_connection_pool_name="bayit_plus"} 4\n'
    (pool,) = published_pools(text("x", {}) + more, URL)
    assert pool.failures == {"timeout": 4}


def test_what_was_measured_lately_counts() -> None:
    now = 0.0
    histograms = Histograms(lambda: now)
    assert histograms.timings("a", {10.0: 100.0, 100.0: 100.0, INF: 100.0}).p95_ms == 9.5
    now = 10.0
    lately = histograms.timings("a", {10.0: 100.0, 100.0: 110.0, INF: 110.0})
    assert (lately.n, lately.p50_ms) == (10, 55.0)
    now = 20.0
    assert histograms.timings("a", {10.0: 100.0, 100.0: 110.0, INF: 110.0}).n == 10
    now = 15.0 + WINDOW_S
    assert histograms.timings("a", {10.0: 100.0, 100.0: 110.0, INF: 110.0}).n == 0
    now += 1
    assert histograms.timings("a", {10.0: 1.0, 100.0: 1.0, INF: 1.0}).n == 1, "its process began anew"


def test_bounds_without_sense_are_left_out() -> None:
    (pool,) = published_pools(text("db_client_connection_wait_time", {"x": 1, "-1": 2, "NaN": 3}), URL)
    assert pool.wait == NOT_MEASURED


@given(st.dictionaries(st.floats(0.1, 1e6), st.integers(0, 1000), min_size=1, max_size=12))
def test_percentiles_are_in_order_and_within_the_bounds(counts: dict[float, int]) -> None:
    total, buckets = 0, {}
    for bound in sorted(counts):
        total += counts[bound]
        buckets[bound] = float(total)
    found = timings({**buckets, INF: float(total)})
    if total:
        assert found.p50_ms is not None
        assert found.p95_ms is not None
        assert found.p99_ms is not None
        assert 0 <= found.p50_ms <= found.p95_ms <= found.p99_ms <= max(buckets) + 0.001
    else:
        assert found == NOT_MEASURED
