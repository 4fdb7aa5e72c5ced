"""What a terminal's bytes become, and whether a hand typed them."""

from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from widgets.typed_name import typed_by_hand


def parsed(text: str) -> list[events.Event]:
    return [event for event in XTermParser().feed(text) if isinstance(event, events.Event)]


def test_a_bracketed_paste_is_no_key() -> None:
    (event,) = parsed("\x1b[200~production\x1b[201~")
    assert isinstance(event, events.Paste)


def test_keys_that_arrive_in_one_read_are_no_hands() -> None:
    keys = parsed("production")
    assert [event.key for event in keys if isinstance(event, events.Key)] == list("production")
    assert not typed_by_hand([event.time for event in keys])


@pytest.mark.parametrize(
    ("gaps", "by_hand"),
    [
        ([0.12] * 9, True),
        ([0.03] * 9, True),
        ([0.0, 0.2] * 4 + [0.0], False),
        ([0.2, 0.0] * 4 + [0.2], True),
        ([0.0] * 8 + [5.0], False),
        ([0.0] * 9, False),
    ],
    ids=["a hand", "a quick hand", "mostly pairs", "a slow line's pairs", "a paste and a key", "a paste"],
)
def test_the_pace(gaps: list[float], by_hand: bool) -> None:
    times = [sum(gaps[:index]) for index in range(len(gaps) + 1)]
    assert typed_by_hand(times) is by_hand
