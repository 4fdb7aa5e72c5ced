"""One line that asks for one text: hidden until it is asked for."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from backends.safety.text import display_text


class Prompt(Input):
    """Enter gives the text, escape gives up; either way the line goes away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "give up", show=False)]
    DEFAULT_CSS = """
    Prompt { height: 1; border: none; padding: 0 1; display: none; background: $surface; }
    Prompt:focus { border: none; }
    Prompt.-open { display: block; }
    """

    class Given(Message):
        """The person gave a text; None where they gave up."""

        def __init__(self, prompt: Prompt, text: str | None) -> None:
            super().__init__()
            self.prompt = prompt
            self.text = text

        @property
        def control(self) -> Prompt:
            """The line that asked."""
            return self.prompt

    def __init__(self, question: str, *, limit: int, id: str | None = None) -> None:
        super().__init__(placeholder=question, max_length=limit, select_on_focus=False, id=id)
        self.cursor_blink = False

    def open(self) -> None:
        """Shows the line, empty, and gives it the focus."""
        self.value = ""
        self.add_class("-open")
        self.focus()

    def action_give_up(self) -> None:
        """Goes away without a text."""
        self._close(None)

    def _on_paste(self, event: events.Paste) -> None:
        # Textual calls the base's handler after this one, with the same event.
        event.text = display_text(event.text)

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(event.value)

    def _close(self, text: str | None) -> None:
        self.remove_class("-open")
        self.screen.set_focus(None)
        self.post_message(self.Given(self, text))
