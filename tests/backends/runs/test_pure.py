"""States, batch sizes, rates and windows: what needs no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.runs.model import Progress, Run, RunState, Unit
from backends.runs.rates import Rates
from backends.runs.rules import ALLOWED, is_abandoned, may_become, run_eta_s, run_state
from backends.runs.sizing import Limits, Sizing
from backends.runs.window import Window
from backends.sampling.state import State

BERLIN = ZoneInfo("Europe/Berlin")
UNITS = (Unit("a", 100, 40, 10), Unit("b", 100))


def test_what_is_over_never_runs_again_and_everything_else_can() -> None:
    again = {state for state in RunState if may_become(state, RunState.RUNNING)}
    assert again == set(RunState) - {RunState.DONE}
    assert set(ALLOWED) == set(RunState)
    assert not any(may_become(state, RunState.PLANNED) for state in RunState if state is not RunState.PLANNED)


def test_a_run_is_as_far_as_its_units() -> None:
    run = Run("1", "toy", "running", progress=Progress(UNITS, slow=10, fast=30), holder="ops@db1 pid 1")
    assert (run.done, run.total, run.share) == (50, 200, 0.25)
    assert run_eta_s(run) == (5.0, 15.0)
    unknown = Run("1", "toy", "running", progress=Progress((*UNITS, Unit("c")), slow=10, fast=30))
    assert (unknown.total, unknown.share, run_eta_s(unknown)) == (None, None, None)


def test_a_run_that_says_running_and_that_nobody_executes_is_told() -> None:
    assert is_abandoned(Run("1", "toy", "running"))
    assert run_state(Run("1", "toy", "running")) is State.WARNING
    assert run_state(Run("1", "toy", "running", holder="ops@db1 pid 1")) is State.OK
    assert run_state(Run("1", "toy", "holding")) is State.OK
    assert run_state(Run("1", "toy", "exploded")) is State.NO_DATA


@given(st.lists(st.tuples(st.integers(1, 2000), st.floats(0.0001, 60)), max_size=40), st.integers(1, 5000))
def test_a_batch_stays_within_its_limits_and_grows_by_steps(batches: list[tuple[int, float]], cap: int) -> None:
    limits = Limits(100, 10, 1000)
    sizing = Sizing.of(limits).capped(cap)
    for items, took in batches:
        before, sizing = sizing, sizing.after(items, took)
        assert limits.least <= sizing.size <= min(limits.most, max(cap, limits.least))
        assert sizing.size <= before.size * 2


def test_batches_settle_at_half_a_second() -> None:
    sizing = Sizing.of(Limits(10, 1, 100_000))
    for _ in range(30):
        sizing = sizing.after(sizing.size, sizing.size * 0.001)
    assert sizing.size == 500


def test_shrinking_halves_down_to_the_least_and_lasts_until_its_reason_is_over() -> None:
    sizing = Sizing.of(Limits(100, 40, 1000)).shrunk()
    assert (sizing.size, sizing.after(50, 0.001).size) == (50, 50)
    assert sizing.restored().after(50, 0.001).size == 100
    assert Sizing.of(Limits(100, 40, 1000)).capped(60).shrunk().restored().after(50, 0.001).size == 60
    assert sizing.shrunk().shrunk().size == 40
    assert sizing.capped(None).after(50, 0.001).size == 100


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="can't start"):
        Limits(5, 10, 100)


def test_rates_are_unknown_at_first() -> None:
    rates = Rates()
    assert (rates.now, rates.range) == (None, None)
    rates.add(1.0, 100)
    assert (rates.now, rates.range) == (100.0, None)


@pytest.mark.parametrize(
    ("text", "at", "is_open"),
    [
        ("22:00-06:00", datetime(2026, 1, 1, 21, 59, tzinfo=UTC), False),
        ("22:00-06:00", datetime(2026, 1, 1, 22, 0, tzinfo=UTC), True),
        ("22:00-06:00", datetime(2026, 1, 2, 5, 59, tzinfo=UTC), True),
        ("22:00-06:00", datetime(2026, 1, 2, 6, 0, tzinfo=UTC), False),
        ("20:00-24:00 UTC", datetime(2026, 1, 2, 23, 59, tzinfo=UTC), True),
        ("02:00-03:00 Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),  # the hour that comes
        ("02:00-03:00 Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),  # comes twice
        ("02:00-03:00 Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),  # and the one that doesn't
    ],
)
def test_windows(text: str, at: datetime, is_open: bool) -> None:
    assert Window.parse(text).contains(at) is is_open


def test_a_window_that_a_day_skips_opens_the_next_day() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert Window.parse("02:30-03:00 Europe/Berlin").opens_at(before) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.times(),
    st.integers(1, 1439),
)
def test_a_window_is_open_when_it_says_that_it_opens(at: datetime, opens: object, minutes: int) -> None:
    start = datetime.combine(at.date(), opens)  # type: ignore[arg-type]
    window = Window.parse(f"{start:%H:%M}-{start + timedelta(minutes=minutes):%H:%M} Europe/Berlin")
    found = window.opens_at(at)
    assert window.contains(found)
    assert at <= found <= at + timedelta(days=2, hours=1)


@pytest.mark.parametrize(
    "text", ["", "22-06", "22:00-22:00", "25:00-26:00", "22:00-06:00 Mars/Olympus", "22:00-06:00 ../x"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - argparse-like texts of several makers
        Window.parse(text)
