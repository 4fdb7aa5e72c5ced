"""A few lines of live figures, one below the other, that repaint only the cells that changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip

from widgets.line import changed_span
from widgets.tone import Cell, Part, Toned, part


class Lines(Toned):
    """As high as it has lines, each cut at the widget's width."""

    DEFAULT_CSS = """
    Lines { height: auto; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[tuple[Part, ...], ...] = ()

    @property
    def lines(self) -> Sequence[tuple[Part, ...]]:
        """What is shown."""
        return self._lines

    def show(self, lines: Iterable[Sequence[Cell]]) -> None:
        """Shows the lines instead of what was there."""
        old, new = self._lines, tuple(tuple(part(cell) for cell in line) for line in lines)
        self._lines = new
        if len(old) != len(new):
            self.refresh(layout=True)
        elif self.is_attached:
            for y, (before, after) in enumerate(zip(old, new, strict=True)):
                self._repaint(y, *changed_span(before, after))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One cell a line."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """A line."""
        width, base = self.size.width, self.rich_style
        line = self._lines[y] if y < len(self._lines) else ()
        segments = [Segment(each.text, base + self.tone_style(each.tone)) for each in line]
        return Strip(segments).adjust_cell_length(width, base)

    def _repaint(self, y: int, start: int, end: int) -> None:
        end = min(end, self.size.width)
        if start < end:
            self.refresh(Region(start, y, end - start, 1))
