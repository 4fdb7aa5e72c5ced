"""The ring, its columns and the forecast, for any series."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pools.history import (
    HORIZON_S,
    KEPT_S,
    MOST_POINTS,
    MOST_SERIES,
    History,
    Point,
    columns,
    full_in_s,
)

VALUES = st.floats(0, 1e5, allow_nan=False)
SERIES = st.lists(st.tuples(st.floats(0, 7200), VALUES), max_size=60).map(sorted)


def line(slope: float, start: float, step_s: float = 2.0, n: int = 60) -> list[Point]:
    return [(step_s * each, start + slope * step_s * each) for each in range(n)]


@given(SERIES, st.floats(7200, 9000), st.integers(1, 200))
def test_columns_hold_the_largest_of_what_is_kept_and_invent_nothing(
    points: list[Point], now: float, width: int
) -> None:
    shown = columns(points, now, width)
    assert len(shown) == width
    drawn = [value for value in shown if value is not None]
    assert set(drawn) <= {value for _, value in points}
    recent = [value for at, value in points if at > now - KEPT_S + KEPT_S / width]
    assert not recent or max(drawn) >= max(recent)
    assert all(value is None for value in columns([], now, width))


@given(st.floats(0.01, 10), st.floats(0, 50), st.floats(10, 500))
def test_a_straight_rise_is_forecast_and_arrives_then(slope: float, start: float, room: float) -> None:
    points = line(slope, start)
    limit = points[-1][1] + room
    forecast, expected = full_in_s(points, limit), room / slope
    if expected <= HORIZON_S * 0.999:
        assert forecast == pytest.approx(expected, rel=1e-3, abs=0.1)
    elif expected > HORIZON_S * 1.001:
        assert forecast is None


@given(SERIES, st.floats(1, 1e6))
def test_a_forecast_is_ahead_and_within_its_horizon(points: list[Point], limit: float) -> None:
    forecast = full_in_s(points, limit)
    assert forecast is None or 0 <= forecast <= HORIZON_S
    assert full_in_s(points, None) is None
    if points and points[-1][1] >= limit:
        assert forecast is None


@given(st.floats(-5, 0), st.floats(0, 1e4))
def test_what_does_not_rise_is_never_full_soon(slope: float, start: float) -> None:
    assert full_in_s(line(slope, start), start + 1) is None


@given(st.integers(0, 10_000))
def test_noise_about_a_level_is_no_slope(seed: int) -> None:
    noise = random.Random(seed)
    points = [(2.0 * n, 50 + noise.uniform(-5, 5)) for n in range(100)]
    assert full_in_s(points, 60) is None


def test_a_rise_that_has_ended_or_has_only_begun_is_no_forecast() -> None:
    """A step, a rise that levelled off, and one that only lately began: no slope that holds."""
    step = [(2.0 * n, 10.0 if n < 30 else 40.0) for n in range(60)]
    levelled = [(2.0 * n, float(min(n, 30))) for n in range(60)]
    begun = [(2.0 * n, float(max(n - 40, 0))) for n in range(60)]
    assert [full_in_s(points, 100) for points in (step, levelled, begun)] == [None, None, None]
    assert full_in_s(line(1, 0, n=7), 100) is None, "too few points"
    assert full_in_s(line(1, 0, step_s=1.0, n=20), 100) is None, "too short a time"


def test_rings_are_bounded() -> None:
    history = History()
    for n in range(2 * MOST_POINTS):
        history.add("fast", n * 1.0, n)
    assert len(history.points("fast")) == MOST_POINTS
    for n in range(100):
        history.add("slow", n * 60.0, n)
    points = history.points("slow")
    assert points[-1][0] - points[0][0] <= KEPT_S
    history.add("gap", 1.0, None)
    assert "gap" not in history.names
    for n in range(2 * MOST_SERIES):
        history.add(str(n), 1.0, math.pi)
    assert len(history.names) == MOST_SERIES
    assert history.columns("fast", 1.0, 4) == (None,) * 4


def test_the_quickest_refresh_reaches_back_as_far_as_any_other() -> None:
    """An hour and more at five a second: an hour is kept, its peak with it, and the newest point as it was read."""
    history, step = History(), 0.2
    last = round(1.25 * KEPT_S / step)
    for n in range(last + 1):
        history.add("x", n * step, 99.0 if n == last // 2 else float(n % 5))
    points = history.points("x")
    assert len(points) <= MOST_POINTS
    assert points[-1] == (last * step, float(last % 5))
    assert points[0][0] <= last * step - KEPT_S + 2.0
    assert max(value for _, value in points) == 99.0
