"""The filter: hidden until it is asked for, then one line at the bottom that narrows what a screen shows."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBar(Input):
    """`/` opens it, typing filters at once, enter keeps the filter, escape clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Clear filter", show=False)]
    DEFAULT_CSS = """
    FilterBar { dock: bottom; height: 1; border: none; padding: 0 1; display: none; background: $surface; }
    FilterBar:focus { border: none; }
    FilterBar.-open { display: block; }
    """

    class Filtered(Message):
        """The filter's text is another now; empty where there is none."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(placeholder="filter", select_on_focus=False, id="filter")
        self.cursor_blink = False

    def open(self) -> None:
        """Shows the line and gives it the focus."""
        self.add_class("-open")
        self.focus()

    def action_give_up(self) -> None:
        """Clears the filter and goes away."""
        self.value = ""
        self._leave()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Filtered(event.value))

    @on(Input.Submitted)
    def _kept(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def _leave(self) -> None:
        self.set_class(bool(self.value), "-open")
        self.screen.set_focus(None)
        self.post_message(self.Left())

    class Left(Message):
        """The person left the filter line."""
