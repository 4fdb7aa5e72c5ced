"""What grows on a session's page loses nothing, and what is old isn't told as new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.bots.audio import Audio
from backends.bots.flow import Flow
from backends.bots.pipeline import Pipeline, Window
from screens.bot_flow import flow_lines
from screens.bot_lines import KEPT, grown
from widgets.tone import plain_text

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=80), st.integers(9, 20))
def test_what_overlaps_grows_without_a_gap_and_in_order(steps: list[int], window: int) -> None:
    """Each look shows the newest `window` of a row of numbers to which a few were added."""
    held: tuple[int, ...] = ()
    newest = 0
    for step in steps:
        newest += step
        held = grown(held, [n for n in range(newest, newest - window, -1) if n > 0], key=str)
        assert list(held) == list(range(held[0], newest + 1))
    assert len(held) <= KEPT + window


@pytest.mark.parametrize(
    ("ended_s", "told"), [(30, "p95 88 p99 140"), (200, " · 3m ago"), (3_000, "not counted for 50m"), (None, "no data")]
)
def test_a_window_that_ended_long_ago_is_not_told_as_now(ended_s: float | None, told: str) -> None:
    until = None if ended_s is None else NOW - timedelta(seconds=ended_s)
    pipeline = Pipeline((), (), (), None, (Window(5, until, 210, 88.0, 140.2, 0.01, 0.03),))
    lines = flow_lines(Flow(NOW, pipeline, Audio(None, ()), ()), None)
    assert any(told in plain_text(line) for line in lines)
