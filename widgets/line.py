"""One line of text that repaints only the cells that changed: the cheapest live figure on the wire."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from widgets.tone import Cell, Part, Toned, part


class Line(Toned):
    """A line of Parts, cut at the widget's width.

    `show` replaces the content; what stays the same is not painted again.
    """

    DEFAULT_CSS = """
    Line { height: 1; width: 1fr; }
    """

    def __init__(self, *cells: Cell, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._parts = tuple(part(cell) for cell in cells)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is shown."""
        return self._parts

    def show(self, *cells: Cell) -> None:
        """Shows the cells instead of what was there."""
        parts = tuple(part(cell) for cell in cells)
        if parts == self._parts:
            return
        start, end = changed_span(self._parts, parts)
        self._parts = parts
        if self.styles.width is not None and self.styles.width.is_auto:
            self.refresh(layout=True)
        elif not self.size.width:
            # Hidden: what was painted before must not come back when it is seen again.
            self.refresh()
        elif self.is_attached and start < self.size.width:
            self.refresh(Region(start, 0, min(end, self.size.width) - start, 1))

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """The text's width in cells, for `width: auto`."""
        return sum(cell_len(each.text) for each in self._parts)

    def render_line(self, y: int) -> Strip:
        """The line."""
        width, base = self.size.width, self.rich_style
        segments = [Segment(each.text, base + self.tone_style(each.tone)) for each in self._parts]
        return Strip(segments).adjust_cell_length(width, base)


def changed_span(old: Sequence[Part], new: Sequence[Part]) -> tuple[int, int]:
    """The first and one past the last cell in which two lines differ.

    >>> changed_span([Part("in use 12 of 50")], [Part("in use 13 of 50")])
    (8, 9)
    """
    before, after = _cells(old), _cells(new)
    length = max(len(before), len(after))
    before += [None] * (length - len(before))
    after += [None] * (length - len(after))
    differing = [index for index in range(length) if before[index] != after[index]]
    return (differing[0], differing[-1] + 1) if differing else (0, 0)


def _cells(parts: Sequence[Part]) -> list[tuple[str, object] | None]:
    cells: list[tuple[str, object] | None] = []
    for each in parts:
        for char in each.text:
            cells += [(char, each.tone)] * cell_len(char)
    return cells


_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")


def has_right_to_left(text: str) -> bool:
    """Whether any of it is written from right to left.

    >>> has_right_to_left("abc 12"), has_right_to_left("a \N{ARABIC LETTER BEH}")
    (False, True)
    """
    return not text.isascii() and _RIGHT_TO_LEFT.search(text) is not None


def fitted(text: str, width: int, right: bool = False) -> str:
    """The text in exactly this many cells, with a mark where it was cut.

    >>> fitted("abcdef", 4), fitted("7", 3, right=True)
    ('abc…', '  7')
    """
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    return " " * (width - length) + text if right else text + " " * (width - length)
