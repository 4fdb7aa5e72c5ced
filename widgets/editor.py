"""The editor: plain text, wrapped, still while nobody types; text that streams in never moves who reads elsewhere."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.widgets import TextArea

from backends.safety.text import display_whole


class Editor(TextArea):
    """A text area that is left with escape. What is pasted is sanitised; no language, no line numbers, no blinking."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave the text", show=False)]
    DEFAULT_CSS = """
    Editor {
        border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
        &:focus { border: none; background: $surface; }
    }
    """

    class Left(Message):
        """The person left the text."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, id=id)
        self.cursor_blink = False
        self.match_cursor_bracket = False

    def show(self, text: str) -> None:
        """Shows the text, with the cursor where it ends; nothing happens where it is there already."""
        if text != self.text:
            self.load_text(text)
            self.to_end()

    def to_end(self) -> None:
        """Puts the cursor where the text ends."""
        self.move_cursor(self.document.end)

    def append(self, text: str) -> None:
        """Adds text at the end. The cursor goes along only where it is at the end; the view follows the cursor."""
        follows = self.cursor_location == self.document.end
        self.edit(_Follow(text, self.document.end) if follows else _Stay(text, self.document.end))

    def tail(self, characters: int) -> str:
        """The text's last characters."""
        return "\n".join(self.document.lines[-characters - 1 :])[-characters:]

    def on_resize(self) -> None:
        """Keeps the cursor in view: a line that opens below must not hide what is being written."""
        self.call_after_refresh(self.scroll_cursor_visible)

    def action_leave(self) -> None:
        """Gives the focus away."""
        self.post_message(self.Left())

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        # Textual calls the base's handler after this one, with the same event.
        event.text = display_whole(event.text)


class _Follow(Edit):
    """An addition at the end with which the cursor goes along."""

    def __init__(self, text: str, end: tuple[int, int]) -> None:
        super().__init__(text, end, end, maintain_selection_offset=False)


class _Stay(_Follow):
    """An addition at the end that leaves the cursor, and so the view, where it is."""

    def do(self, text_area: TextArea, record_selection: bool = True) -> EditResult:
        """Adds the text."""
        result = super().do(text_area, record_selection)
        self._updated_selection = None
        return result
