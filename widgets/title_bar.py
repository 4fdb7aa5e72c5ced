"""The two lines that stand on every screen: what the console points at, and where one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical

from widgets.line import Line
from widgets.tone import Cell, Part, Tone


@dataclass(frozen=True, slots=True)
class Tab:
    """A screen's key and name."""

    key: str
    name: str


class TitleBar(Vertical):
    """Profile and environment, badges, and the screens with their keys."""

    DEFAULT_CSS = """
    TitleBar {
        height: 2; dock: top;
        & > #profile { background: $primary-darken-2; color: $text; }
        & > #tabs { background: $surface; }
        &.-production > #profile { background: $error; color: $text; text-style: bold; }
    }
    """

    def __init__(self, profile: str, kind: str, production: bool, tabs: Sequence[Tab], current: str) -> None:
        super().__init__(classes="-production" if production else "")
        self._who = Part(f" OLORIN  {who(profile, kind, production)} ", Tone.STRONG)
        self._profile = Line(self._who, id="profile")
        self._tabs = Line(*tab_parts(tabs, current), id="tabs")

    def compose(self) -> ComposeResult:
        """Both lines."""
        yield self._profile
        yield self._tabs

    def badges(self, *badges: Cell) -> None:
        """Shows badges such as FROZEN beside the profile."""
        spaced = [cell for badge in badges for cell in (" ", badge)]
        self._profile.show(self._who, *spaced)


def who(profile: str, kind: str, production: bool) -> str:
    """Profile and environment, each once.

    >>> who("eu", "production", True), who("development", "development", False)
    ('eu · PRODUCTION', 'development')
    """
    shown = kind.upper() if production else kind
    return shown if profile.lower() == kind.lower() else f"{profile} · {shown}"


def tab_parts(tabs: Sequence[Tab], current: str) -> list[Part]:
    """Key and name of each screen, the current one marked."""
    parts = [Part(" ")]
    for tab in tabs:
        here = tab.key == current
        parts.append(
            Part(f"[{tab.key} {tab.name}]" if here else f" {tab.key} {tab.name} ", Tone.ACCENT if here else Tone.MUTED)
        )
    return parts
