"""Tones: what a piece of text means; the theme makes it a colour. Every state has a word and a symbol besides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from rich.style import Style
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
    """A widget that draws Parts; the tones are component classes, so a theme colours them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone.value}" for tone in Tone}

    DEFAULT_CSS = """
    Toned {
        & > .tone--strong { text-style: bold; }
        & > .tone--muted { color: $foreground-darken-3; }
        & > .tone--accent { color: $text-accent; }
        & > .tone--ok { color: $text-success; }
        & > .tone--warning { color: $text-warning; text-style: bold; }
        & > .tone--critical { color: $text-error; text-style: bold; }
        & > .tone--no-data { color: $text-warning; text-style: italic; }
    }
    """

    def tone_style(self, tone: Tone) -> Style:
        """The style that a tone adds to the widget's own."""
        return self.get_component_rich_style(f"tone--{tone.value}", partial=True)
