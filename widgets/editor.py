"""The editor: plain text, wrapped, still while nobody types; text that streams in never moves who reads elsewhere.

Textual's text area paints itself whole for every character, and lays the screen out anew for every line. Over SSH that
is 4 to 8 KB a key, so this one paints the cells that changed, has no scroll bar, and scrolls by half a page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea

from backends.safety.text import prose, shown_standing_in, standing_in, stood_for

GROWTH: Final = 500
"""Lines by which the scrollable height grows."""


class Editor(TextArea):
    """A text area that is left with escape. What is pasted is sanitised; no language, no line numbers, no blinking.

    The document holds a private character for each joiner and the like, which has no width of its own: it is drawn as
    a mark, can be deleted like any other, and `text` gives the real one back.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave the text", show=False)]
    DEFAULT_CSS = """
    Editor {
        border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 0;
        &:focus { border: none; }
    }
    """

    class Copied(Message):
        """Something was copied."""

    class Left(Message):
        """The person left the text."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, id=id)
        self.mark: Callable[[], str] = str
        """What every copy begins with, in a paragraph of its own, and what a paste loses again."""
        self._painted: list[Strip | None] = []
        self.cursor_blink = False
        self.match_cursor_bracket = False

    def show(self, text: str) -> None:
        """Shows the text, with the cursor where it ends; nothing happens where it is there already."""
        if text != self.text:
            self.load_text(text)
            self.to_end()

    @property
    def text(self) -> str:
        """The text, with the joiners that are drawn as marks."""
        return stood_for(self.document.text)

    @text.setter
    def text(self, value: str) -> None:
        self.load_text(value)

    def load_text(self, text: str) -> None:
        """Takes the text instead of what was there, and forgets what could be undone."""
        super().load_text(standing_in(text))

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        # The same object but for its height: making another one would wrap a long text twice.
        self.wrapped_document.__class__ = _Counted

    def edit(self, edit: Edit) -> EditResult:
        """Makes a change; every change comes through here."""
        edit.text = standing_in(edit.text)
        return super().edit(edit)

    def get_line(self, line_index: int) -> Text:
        """A line as it is drawn."""
        return Text(shown_standing_in(self.document.get_line(line_index)), end="", no_wrap=True)

    def put(self, text: str) -> None:
        """Puts the text in the place of all, as one change that can be undone, with the cursor where it ends."""
        self.edit(Edit(text, (0, 0), self.document.end, maintain_selection_offset=False))
        self.to_end()

    def action_copy(self) -> None:
        """Copies what is selected, behind the mark if there is one."""
        if self.selected_text:
            mark = self.mark()
            text = stood_for(self.selected_text)
            self.app.copy_to_clipboard(f"{mark}\n\n{text}" if mark else text)
            self.post_message(self.Copied())

    def action_paste(self) -> None:
        """Pastes what was copied last."""
        if result := self._replace_via_keyboard(self._unmarked(self.app.clipboard), *self.selection):
            self.move_cursor(result.end_location)

    def _unmarked(self, text: str) -> str:
        """The text as it was before it was copied here."""
        mark = self.mark()
        return text.removeprefix(f"{mark}\n\n") if mark else text

    def action_cut(self) -> None:
        """Cuts what is selected."""
        self.action_copy()
        if self.selected_text and not self.read_only:
            self.delete(*self.selection)

    def to_end(self) -> None:
        """Puts the cursor where the text ends."""
        self.move_cursor(self.document.end)

    def append(self, text: str) -> None:
        """Adds text at the end. The cursor goes along only where it is at the end; the view follows the cursor."""
        follows = self.cursor_location == self.document.end
        self.edit(_Follow(text, self.document.end) if follows else _Stay(text, self.document.end))

    def tail(self, characters: int) -> str:
        """The text's last characters."""
        return stood_for("\n".join(self.document.lines[-characters - 1 :])[-characters:])

    def on_resize(self) -> None:
        """Keeps the cursor in view: a line that opens below must not hide what is being written."""
        self.call_after_refresh(self.scroll_cursor_visible)

    def action_leave(self) -> None:
        """Gives the focus away."""
        self.post_message(self.Left())

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scrolls by half a page where the cursor left the view, so that a held key repaints all but rarely."""
        row, top = self.wrapped_document.location_to_offset(self.cursor_location).y, self.scroll_offset.y
        if not center and top <= row < top + self.size.height:
            return Offset()
        return super().scroll_cursor_visible(center=True, animate=False)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines that Textual paints, which are remembered as painted."""
        strips = super().render_lines(crop)
        self._painted += [None] * (crop.bottom - len(self._painted))
        whole = crop.x == 0 and crop.width >= self.outer_size.width
        self._painted[crop.y : crop.bottom] = strips if whole else [None] * crop.height
        return strips

    def _exchange_repaint_regions(self) -> Collection[Region]:
        """Instead of all of it, the lines that are not as they were painted last."""
        regions = super()._exchange_repaint_regions()
        size = self.outer_size
        if size.region not in regions or self._layout_is_due():
            return regions
        strips = super().render_lines(size.region)
        painted = self._painted[: len(strips)] + [None] * (len(strips) - len(self._painted))
        return [changed_region(painted[y], strip, y) for y, strip in enumerate(strips) if strip != painted[y]]

    def _layout_is_due(self) -> bool:
        """Whether the screen is laid out next: rendering before that would hide from Textual what has moved."""
        screen = self.screen
        return screen._layout_required or screen._scroll_required or screen._compositor._full_map_invalidated

    def _refresh_size(self) -> None:
        """Grows in large steps, past the end, since each change of the size is a layout of the whole screen."""
        page, height = self.size.height, self.wrapped_document.height
        self.virtual_size = Size(0, page if height <= page else -(-height // GROWTH) * GROWTH + page)

    async def _on_key(self, event: events.Key) -> None:
        # What can't be typed into must not take a letter for a command of the screen either.
        if self.read_only and event.is_printable:
            event.stop()
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        # Textual calls the base's handler after this one, with the same event.
        event.text = self._unmarked(prose(event.text))


def changed_region(old: Strip | None, new: Strip, y: int) -> Region:
    """The cells of line y in which it differs; all of them where that can't be told by counting characters."""
    if old is None or not old.cell_length == new.cell_length == len(old.text) == len(new.text):
        return Region(0, y, new.cell_length, 1)
    before, after = _cells(old), _cells(new)
    differing = [x for x in range(len(after)) if before[x] != after[x]]
    return Region(differing[0], y, differing[-1] + 1 - differing[0], 1) if differing else Region()


def _cells(strip: Strip) -> list[tuple[str, object]]:
    return [(char, segment.style) for segment in strip for char in segment.text]


class _Counted(WrappedDocument):
    """A wrapped text that knows its height. Textual adds it up line by line, once for every line that it paints."""

    @property
    def height(self) -> int:
        """Lines once they are wrapped."""
        return len(self._offset_to_line_info)


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
