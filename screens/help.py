"""The keys that are valid now."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen

from widgets.line import Line, fitted
from widgets.page import Page
from widgets.tone import Cell, Part, Tone


class HelpScreen(ModalScreen[None]):
    """Lists the keys of the screen below and of what has the focus there."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "close")]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; background: $surface; padding: 0 1;
    }
    HelpScreen Page { height: auto; max-height: 100%; background: $surface; }
    """

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        self._lines = help_lines(below)

    def compose(self) -> ComposeResult:
        """Title and keys."""
        with Vertical():
            yield Line(Part("Keys valid now", Tone.STRONG), Part("   esc closes", Tone.MUTED))
            yield Page()

    def on_mount(self) -> None:
        """Fills the page."""
        self.query_one(Page).show(self._lines)


def help_lines(screen: Screen[Any]) -> list[tuple[Cell, ...]]:
    """A line for each action: its keys and what it does."""
    keys: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        if active.enabled and active.binding.description:
            text = active.binding.tooltip or active.binding.description
            keys.setdefault(text, []).append(screen.app.get_key_display(active.binding))
    return [(Part(fitted(" ".join(names), 18), Tone.ACCENT), text) for text, names in keys.items()]
