"""Tones: what a piece of text means; the theme makes it a colour. Every state has a word and a symbol besides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from rich.style import Style
from textual.color import Color
from textual.widget import Widget

from backends.sampling.reading import Freshness
from backends.sampling.state import State


class Tone(Enum):
    """What a piece of text means."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    ACCENT = "accent"
    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    NO_DATA = "no-data"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text with its tone; always literal, never markup."""

    text: str
    tone: Tone = Tone.PLAIN


Cell = str | Part
"""What tables and lines are made of; a plain string is a Part in PLAIN."""

STATE_MARKS: Final = {
    State.OK: ("●", Tone.OK),
    State.WARNING: ("▲", Tone.WARNING),
    State.CRITICAL: ("✖", Tone.CRITICAL),
    State.NO_DATA: ("?", Tone.NO_DATA),
    State.NOT_CONFIGURED: ("–", Tone.MUTED),
}

TONE_LOOKS: Final = {
    Tone.PLAIN: ("", False, False),
    Tone.STRONG: ("", True, False),
    Tone.MUTED: ("foreground-darken-3", False, False),
    Tone.ACCENT: ("text-accent", False, False),
    Tone.OK: ("text-success", False, False),
    Tone.WARNING: ("text-warning", True, False),
    Tone.CRITICAL: ("text-error", True, False),
    Tone.NO_DATA: ("text-warning", False, True),
}
"""Of each tone the theme's variable of its colour (none: the widget's own), bold, italic."""

FRESHNESS_MARKS: Final = {
    Freshness.LOADING: ("◌", Tone.MUTED),
    Freshness.LIVE: ("●", Tone.OK),
    Freshness.STALE: ("◍", Tone.WARNING),
    Freshness.DISCONNECTED: ("✖", Tone.CRITICAL),
    Freshness.NOT_CONFIGURED: ("–", Tone.MUTED),
}


def state_part(state: State, word: str = "") -> Part:
    """The state as symbol and word (its own unless another is given).

    >>> state_part(State.WARNING).text
    '▲ warning'
    """
    symbol, tone = STATE_MARKS[state]
    return Part(f"{symbol} {word or state.value}", tone)


def part(cell: Cell) -> Part:
    """The cell as a Part."""
    return Part(cell) if isinstance(cell, str) else cell


def plain_text(cells: Iterable[Cell]) -> str:
    """The cells' text without tones."""
    return "".join(part(cell).text for cell in cells)


class Toned(Widget):
    """A widget that draws Parts; the theme's variables colour their tones.

    The variables are asked and not component classes: Textual works those out anew for each widget whenever a screen
    comes back, which made a switch of screens twice as long.
    """

    def tone_style(self, tone: Tone) -> Style:
        """The style that a tone adds to the widget's own."""
        variable, bold, italic = TONE_LOOKS[tone]
        return _style(self.app.theme_variables[variable] if variable else "", bold, italic)


@lru_cache(maxsize=64)
def _style(color: str, bold: bool, italic: bool) -> Style:
    return Style(color=Color.parse(color).rich_color if color else None, bold=bold or None, italic=italic or None)
