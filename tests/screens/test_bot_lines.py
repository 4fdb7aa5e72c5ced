"""What grows on a session's page loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.bot_lines import KEPT, grown


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
