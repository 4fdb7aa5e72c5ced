"""A page to read above the drafting screen, with a head line, and an answer that it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from screens.frame import Frame
from widgets.key_line import KeyLine
from widgets.line import Line
from widgets.page import Page
from widgets.title_bar import TitleBar
from widgets.tone import Cell

R = TypeVar("R")


class Sheet(Screen[R], Generic[R]):
    """Lines to read. Escape gives None back; a subclass's keys give something else."""

    AUTO_FOCUS = "Page"
    KEYS: ClassVar[list[tuple[str, str]]] = []
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "close", show=False)]
    DEFAULT_CSS = """
    Sheet { & > .head { margin: 0 1; } & > Page { margin: 1 1 0 1; } }
    """

    def __init__(self, frame: Frame, head: Sequence[Sequence[Cell]], lines: Iterable[Sequence[Cell]]) -> None:
        super().__init__()
        self._frame = frame
        self._head = head
        self._lines = tuple(tuple(line) for line in lines)

    def compose(self) -> ComposeResult:
        """Title, head, lines, keys."""
        frame = self._frame
        yield TitleBar(frame.profile, frame.kind, frame.production, frame.tabs, "6")
        for line in self._head:
            yield Line(*line, classes="head")
        yield Page()
        yield KeyLine([*self.KEYS, ("esc", "back")])

    def on_mount(self) -> None:
        """Fills the page."""
        self.set_class(self._frame.production, "-production")
        self.query_one(Page).show(self._lines)
