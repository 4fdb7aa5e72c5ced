"""A table that grows at its end, as a log does, and follows it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from textual.geometry import Size

from widgets.grid import Grid, Row

GROWTH: Final = 100
"""Rows by which the table's size grows."""


class Tail(Grid):
    """A Grid whose newest row is its last.

    While the cursor is on the last row it goes on to each new one. Where the view is full it moves by half a page, so
    that a new row costs a line on the wire and not the whole table. With the cursor elsewhere the view stays still.
    """

    @property
    def following(self) -> bool:
        """Whether new rows move the cursor on."""
        return self._cursor >= len(self._rows) - 1

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Shows the rows, oldest first; `empty` says why there are none."""
        following, first = self.following, not self._rows
        super().show(rows, empty)
        if following and rows:
            self._move_cursor(len(rows) - 1)
            if first:
                self._fill_view()

    def on_resize(self) -> None:
        """Lays the columns out for the new width, and fills the new height."""
        super().on_resize()
        if self.following:
            self._fill_view()

    def _fill_view(self) -> None:
        self._scroll_to_line(max(len(self._rows) - self._page, 0))

    def _last_top(self) -> int:
        """The last row may be the only one in view: below it is where the next ones come."""
        return len(self._rows) - 1

    def _resize_to_content(self) -> None:
        # A change of the size paints the whole table, so it grows by many rows at a time, and at first not at all.
        many = ceil((len(self._rows) + self._page) / GROWTH) * GROWTH
        self.virtual_size = Size(self.size.width, many if len(self._rows) > self._page else self.size.height)
