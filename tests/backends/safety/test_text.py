"""The sanitiser: nothing that a terminal obeys, or that hides from people, survives."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from backends.safety.text import CELL_LIMIT, COMBINING_LIMIT, display_block, display_text
from tests.nasty import NASTY

FORBIDDEN = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}

any_text = st.text(st.characters(exclude_categories=()), max_size=200)


def assert_safe(text: str, allowed: str = "") -> None:
    bad = [char for char in text if unicodedata.category(char) in FORBIDDEN and char not in allowed]
    assert not bad, [hex(ord(char)) for char in bad]
    text.encode()  # a lone surrogate would raise


@pytest.mark.parametrize("name", NASTY)
def test_nasty_text_becomes_safe(name: str) -> None:
    assert_safe(display_text(NASTY[name]))
    assert_safe(display_block(NASTY[name]), allowed="\n")


@given(any_text)
def test_any_text_becomes_safe(text: str) -> None:
    assert_safe(display_text(text))
    assert_safe(display_block(text), allowed="\n")


@given(any_text)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert display_text(display_text(text)) == display_text(text)


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=100))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert display_text(text) == text


@pytest.mark.parametrize("name", ["markup", "action", "lost words", "open markup", "hebrew", "wide", "mojibake"])
def test_markup_and_scripts_are_kept_literally(name: str) -> None:
    assert display_text(NASTY[name]) == NASTY[name]


@pytest.mark.parametrize(("hidden", "plain"), [("pay\u200bpal", "paypal"), ("a\x00b", "ab"), ("a\u202eb", "ab")])
def test_hidden_characters_leave_a_mark(hidden: str, plain: str) -> None:
    assert display_text(hidden) != plain


def test_a_long_text_is_cut_and_says_how_much_is_missing() -> None:
    shown = display_text("x" * 100_000)
    assert shown.startswith("x" * CELL_LIMIT)
    assert shown.endswith("+99,500 characters")


def test_a_combining_storm_is_calmed() -> None:
    shown = display_text(NASTY["combining storm"])
    assert sum(unicodedata.combining(char) > 0 or char == "\u0489" for char in shown) == COMBINING_LIMIT


def test_bytes_that_are_no_text_become_text() -> None:
    assert_safe(display_text(b"\xff\xfe\x00caf\xc3\xa9"))
    assert "café" in display_text("café".encode())


@pytest.mark.parametrize("value", [None, 3, 2.5, {"a": "\x1b"}, ["\x1b[2J"], object])
def test_any_value_has_a_text(value: object) -> None:
    assert_safe(display_text(value))


@given(any_text)
def test_width_can_be_measured(text: str) -> None:
    assert cell_len(display_text(text)) >= 0
