"""What `olorin metrics` tells of pools is what we would read of another process's; our own are among them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.alerts.metrics import figures, text
from backends.clients.timings import Timings
from backends.pools.metrics_text import samples
from backends.pools.model import Kind, Pool
from backends.pools.published import published_pools
from console.metrics import open_telemetry

COUNTS = st.integers(0, 1000)
NAMES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1)


@given(st.sampled_from(Kind), NAMES, *[COUNTS] * 5)
def test_our_text_reads_back_as_our_numbers(
    kind: Kind, name: str, most: int, least: int, active: int, idle: int, waiting: int
) -> None:
    pool = Pool(name, kind, "main", most, least, active, idle, waiting, failures={"timeout": 2}, own=True)
    (found,) = published_pools(text(open_telemetry([pool])), "http://here/metrics")
    assert (found.kind, found.role) == (kind, "main")
    assert (found.max, found.min, found.active, found.idle, found.waiting) == (most, least, active, idle, waiting)
    assert found.failures == {"timeout": 2}


def test_times_are_seconds_and_what_is_not_known_is_left_out() -> None:
    printed = text(open_telemetry([Pool("p", Kind.MONGO, active=None, wait=Timings(1.5, 20.0, 1500.0, 9))]))
    assert "active" not in printed
    assert "db_client_connection_max{" not in printed
    name = "db_client_connection_wait_time_seconds"
    assert {each.labels["quantile"]: each.value for each in samples(printed, frozenset({name}))} == {
        "0.5": 0.0015, "0.95": 0.02, "0.99": 1.5,
    }  # fmt: skip


def test_a_baseline_keeps_what_others_publish_and_nothing_of_this_process() -> None:
    own, api = (Pool(name, Kind.MONGO, wait=Timings(1.0, 2.0, 3.0, 9), own=name == "own") for name in ("own", "api"))
    kept = figures(open_telemetry([own, api]))
    assert kept
    assert all('"api"' in each for each in kept)
