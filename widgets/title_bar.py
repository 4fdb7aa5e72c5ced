"""The two lines that stand on every screen: what the console points at, and where one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
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
        self._tabs = TabLine(tabs, current)

    def compose(self) -> ComposeResult:
        """Both lines."""
        yield self._profile
        yield self._tabs

    def badges(self, *badges: Cell) -> None:
        """Shows badges such as FROZEN beside the profile."""
        spaced = [cell for badge in badges for cell in (" ", badge)]
        self._profile.show(self._who, *spaced)


class TabLine(Line):
    """The screens with their keys; where they don't fit, only the current one has its name."""

    def __init__(self, tabs: Sequence[Tab], current: str) -> None:
        super().__init__(id="tabs")
        self._all = tab_parts(tabs, current)
        self._short = tab_parts([tab if tab.key == current else Tab(tab.key, "") for tab in tabs], current)

    def on_resize(self) -> None:
        """Shows what fits now."""
        fits = sum(cell_len(each.text) for each in self._all) <= self.size.width
        self.show(*(self._all if fits else self._short))


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
        label = f"{tab.key} {tab.name}".rstrip()
        parts.append(Part(f"[{label}]", Tone.ACCENT) if tab.key == current else Part(f" {label} ", Tone.MUTED))
    return parts
