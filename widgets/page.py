"""Lines of text to read: wrapped at the width, scrolled by keys, drawn line by line however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.tone import Cell, Part, Tone, Toned, part

TextLine = tuple[Part, ...]


class Page(Toned, ScrollView, can_focus=True):
    """A page of lines. `show` keeps the place where the person reads."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("home,g", "scroll_home", "Top", show=False),
        Binding("end,G", "scroll_end", "End", show=False),
    ]
    DEFAULT_CSS = """
    Page { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._source: tuple[TextLine, ...] = ()
        self._lines: list[TextLine] = []

    @property
    def lines(self) -> Sequence[TextLine]:
        """The lines before wrapping."""
        return self._source

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Shows the lines instead of what was there."""
        source = tuple(tuple(part(cell) for cell in line) for line in lines)
        if source == self._source:
            return
        self._source = source
        self._wrap()

    def on_resize(self) -> None:
        """Wraps for the new width."""
        self._wrap()

    def _wrap(self) -> None:
        width = self.size.width
        if not width:
            return  # not laid out yet; the resize that follows wraps
        old, self._lines = self._lines, [wrapped for line in self._source for wrapped in wrap(line, width)]
        self.virtual_size = Size(width, len(self._lines))
        if len(old) != len(self._lines):
            self.refresh()
            return
        top = self.scroll_offset.y
        for y in range(min(self.size.height, len(old) - top)):
            if old[top + y] != self._lines[top + y]:
                self.refresh(Region(0, y, width, 1))

    def render_line(self, y: int) -> Strip:
        """A wrapped line."""
        index, base = self.scroll_offset.y + y, self.rich_style
        if index >= len(self._lines):
            return Strip.blank(self.size.width, base)
        segments = [Segment(each.text, base + self.tone_style(each.tone)) for each in self._lines[index]]
        return Strip(segments).adjust_cell_length(self.size.width, base)


def wrap(line: TextLine, width: int) -> list[TextLine]:
    """The line cut into lines of at most `width` cells, between words where there is a space late enough.

    >>> ["".join(part.text for part in each) for each in wrap((Part("abc"), Part("defg")), 5)]
    ['abcde', 'fg']
    >>> [each[0].text for each in wrap((Part("one two three"),), 9)]
    ['one two ', 'three']
    """
    lines: list[TextLine] = []
    current: list[Part] = []
    room = width
    for each in line:
        start = 0
        while start < len(each.text):
            end = _fitting(each.text, start, room)
            if end < len(each.text):
                end = _word_end(each.text, start, end)
            # A line takes at least one character, or a wide one would never find its place.
            end = max(end, start + 1) if not current else end
            if end > start:
                current.append(Part(each.text[start:end], each.tone))
            room -= cell_len(each.text[start:end])
            start = end
            if start < len(each.text):
                lines.append(tuple(current))
                current, room = [], width
    return [*lines, tuple(current)]


def _fitting(text: str, start: int, cells: int) -> int:
    """The end of the longest piece from `start` that takes at most so many cells."""
    if text[start : start + cells].isascii():
        return min(start + cells, len(text))
    for index in range(start, len(text)):
        cells -= cell_len(text[index])
        if cells < 0:
            return index
    return len(text)


def _word_end(text: str, start: int, end: int) -> int:
    """One past the last space of a piece, unless that would leave more than half of it empty."""
    space = text.rfind(" ", start, end) + 1
    return space if space > start + (end - start) // 2 else end


def pairs(values: Iterable[tuple[str, Cell]], label_width: int = 16) -> list[tuple[Cell, ...]]:
    """Labels and values as lines of a page."""
    return [(Part(label.ljust(label_width), Tone.MUTED), value) for label, value in values]
