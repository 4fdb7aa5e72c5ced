"""A table drawn line by line: any number of rows, a cursor that follows its row, and repaints of changed cells only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.line import fitted, has_right_to_left
from widgets.tone import Cell, Part, Tone, Toned, part

_GAP = 1
LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its width in cells (for the flexible one, its least), and when it may go.

    drop orders the columns that vanish where the table is too narrow: the highest goes first, 0 never.
    """

    title: str
    width: int
    align: Literal["left", "right"] = "left"
    drop: int = 0
    flexible: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a key that stays the same while its cells change."""

    key: str
    cells: tuple[Cell, ...]


class Grid(Toned, ScrollView, can_focus=True):
    """A keyed table.

    `show` takes any sequence of rows (a lazy one is only asked for the rows in view). Once it was moved, the cursor
    stays on its row's key; where that row is gone, it stays at its place.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "end(-1)", "First", show=False),
        Binding("end,G", "end(1)", "Last", show=False),
        Binding("enter,right,l", "select", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--header", "grid--cursor"}
    DEFAULT_CSS = """
    Grid {
        height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .grid--header { color: $foreground-darken-3; text-style: underline; }
        & > .grid--cursor { background: $surface-lighten-2; }
        &:focus > .grid--cursor {
            background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
        }
    }
    """

    class Highlighted(Message):
        """The cursor is on another row now; key is None where there is none."""

        def __init__(self, grid: Grid, key: str | None) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> Grid:
            """The grid."""
            return self.grid

    class Selected(Highlighted):
        """The person opened a row."""

    def __init__(self, *columns: Column, empty: str = "nothing here", id: str | None = None) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._rows: Sequence[Row] = ()
        self._empty = empty
        self._cursor = 0
        self._touched = False
        self._layout: tuple[tuple[int, int], ...] = ()

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._cursor < len(self._rows) else None

    @property
    def place(self) -> int:
        """Where the cursor is among the rows, from 0."""
        return self._cursor

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Shows the rows; `empty` says why there are none."""
        key, old, old_top = self.cursor_key, self._visible(), self.scroll_offset.y
        place, offset = self._cursor, self._cursor - old_top
        emptied = empty is not None and empty != self._empty
        self._empty = empty if empty is not None else self._empty
        self._rows = rows
        self._cursor = self._place_of(key if self._touched else None)
        self._resize_to_content()
        if self._cursor != place:
            # The cursor keeps its line on the screen, but a table at its top stays there while it shows the cursor.
            if old_top or self._cursor >= self._page:
                self._scroll_to_line(self._cursor - offset)
            self._refresh_row(place)
            self._refresh_row(self._cursor)
        self._repaint_changed(old, all_=emptied or self.scroll_offset.y != old_top)
        if self.cursor_key != key:
            self.post_message(self.Highlighted(self, self.cursor_key))

    def use_columns(self, *columns: Column) -> None:
        """Takes other columns; the rows that fit them are to be shown next."""
        if columns == self._columns:
            return
        self._columns, self._rows = columns, ()
        self._layout = layout(columns, self.size.width)
        self._resize_to_content()
        self.refresh()

    def move_to(self, key: str) -> bool:
        """Puts the cursor on the row; False where there is none with this key."""
        place = self._place_of(key)
        if place >= len(self._rows) or self._rows[place].key != key:
            return False
        self._touched = True
        self._move_cursor(place)
        return True

    def action_move(self, step: int) -> None:
        """Moves the cursor by rows."""
        self._move_cursor(self._cursor + step)

    def action_page(self, step: int) -> None:
        """Moves the cursor by pages."""
        self._move_cursor(self._cursor + step * max(self._page - 1, 1))

    def action_end(self, step: int) -> None:
        """Moves the cursor to the first or the last row."""
        self._move_cursor(0 if step < 0 else len(self._rows) - 1)

    def action_select(self) -> None:
        """Opens the row under the cursor."""
        if self.cursor_key is not None:
            self._touched = True
            self.post_message(self.Selected(self, self.cursor_key))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Puts the cursor where the mouse is."""
        if event.y > 0:
            self._move_cursor(self.scroll_offset.y + event.y - 1)

    def on_resize(self) -> None:
        """Lays the columns out for the new width."""
        self._layout = layout(self._columns, self.size.width)
        self._resize_to_content()
        self._keep_cursor_in_view()

    def render_line(self, y: int) -> Strip:
        """The header, a row, or the sentence that says why there are none."""
        base, width = self.rich_style, self.size.width
        if y == 0:
            header = base + self.get_component_rich_style("grid--header", partial=True)
            return self._strip([Part(column.title) for column in self._columns], header, base)
        index = self.scroll_offset.y + y - 1
        if index < len(self._rows):
            style = base
            if index == self._cursor:
                style += self.get_component_rich_style("grid--cursor", partial=True)
            return self._strip([part(cell) for cell in self._rows[index].cells], style, style)
        if y == 1 and not self._rows:
            return Strip([Segment(fitted(self._empty, width), base + self.tone_style(Tone.MUTED))], width)
        return Strip.blank(width, base)

    def _strip(self, cells: list[Part], style: Style, rest: Style) -> Strip:
        segments = []
        for index, width in self._layout:
            cell = cells[index] if index < len(cells) else Part("")
            text = fitted(cell.text, width, right=self._columns[index].align == "right")
            # The cursor's own colours stay readable only where no tone paints over them.
            toned = style if cell.tone is Tone.PLAIN else style + self.tone_style(cell.tone)
            segments += [Segment(text, toned), Segment(gap_after(cell.text), style)]
        # Neighbours of one style are one run on the wire.
        return Strip(segments).simplify().adjust_cell_length(self.size.width, rest)

    @property
    def _page(self) -> int:
        """Rows in view, below the header."""
        return max(self.size.height - 1, 1)

    def _visible(self) -> list[Row]:
        top = self.scroll_offset.y
        return list(self._rows[top : top + self._page])

    def _place_of(self, key: str | None) -> int:
        last = max(len(self._rows) - 1, 0)
        here = min(self._cursor, last)
        if key is None or not self._rows or self._rows[here].key == key:
            return here
        return next((index for index, row in enumerate(self._rows) if row.key == key), here)

    def _resize_to_content(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def _move_cursor(self, index: int) -> None:
        self._touched = True
        index = max(min(index, len(self._rows) - 1), 0)
        if index == self._cursor:
            return
        old, self._cursor = self._cursor, index
        if not self._keep_cursor_in_view():
            self._refresh_row(old)
            self._refresh_row(index)
        self.post_message(self.Highlighted(self, self.cursor_key))

    def _keep_cursor_in_view(self) -> bool:
        """Scrolls by half a page where the cursor left the view, so that a held key repaints all but rarely."""
        top, page = self.scroll_offset.y, self._page
        if top <= self._cursor < top + page:
            return False
        self._scroll_to_line(self._cursor - page // 2)
        return True

    def _last_top(self) -> int:
        """The last row that may be the first in view."""
        return len(self._rows) - self._page

    def _scroll_to_line(self, line: int) -> None:
        # virtual_size was changed just now; the limit of scrolling follows only with the next layout.
        line = max(min(line, self._last_top()), 0)
        if line != self.scroll_offset.y:
            self.set_reactive(ScrollView.scroll_target_y, float(line))
            self.scroll_y = line
            self.refresh()

    def _refresh_row(self, index: int, start: int = 0, end: int | None = None) -> None:
        y = index - self.scroll_offset.y + 1
        width = (self.size.width if end is None else end) - start
        if 0 < y < self.size.height and width:
            self.refresh(Region(start, y, width, 1))

    def _changed_columns(self, old: Row, new: Row) -> tuple[int, int]:
        """The first and one past the last cell of the columns in which two rows differ; all of another row's line.

        Another row may have the cursor where the old one hadn't, which changes every cell's colours.
        """
        if old.key != new.key:
            return 0, self.size.width
        changed, x = [], 0
        for index, width in self._layout:
            if old.cells[index : index + 1] != new.cells[index : index + 1]:
                changed += [x, x + width]
            x += width + _GAP
        return (changed[0], changed[-1]) if changed else (0, 0)

    def _repaint_changed(self, old: list[Row], all_: bool) -> None:
        if all_ or not self.is_attached:
            self.refresh()
            return
        top, new = self.scroll_offset.y, self._visible()
        for offset in range(max(len(old), len(new))):
            if offset >= min(len(old), len(new)):
                self._refresh_row(top + offset)
            elif old[offset] != new[offset]:
                self._refresh_row(top + offset, *self._changed_columns(old[offset], new[offset]))
        if bool(old) != bool(new):
            self.refresh()


def gap_after(text: str) -> str:
    """What stands between a cell and the next one.

    Terminals that know writing directions move two neighbouring right-to-left texts past each other; a left-to-right
    mark between them, which is no cell wide, keeps each in its column.

    >>> gap_after("abc"), gap_after("\N{HEBREW LETTER ALEF}")
    (' ', '\u200e ')
    """
    return f"{LEFT_TO_RIGHT}{' ' * _GAP}" if has_right_to_left(text) else " " * _GAP


def layout(columns: Sequence[Column], width: int) -> tuple[tuple[int, int], ...]:
    """Which columns fit and how wide each is: (index, cells) from left to right.

    >>> layout([Column("a", 4), Column("b", 5, flexible=True), Column("c", 9, drop=1)], 20)
    ((0, 4), (1, 14))
    """
    kept = list(range(len(columns)))
    for index in sorted((i for i in kept if columns[i].drop), key=lambda i: -columns[i].drop):
        if _needed(columns, kept) <= width:
            break
        kept.remove(index)
    spare = width - _needed(columns, kept)
    flexible = [index for index in kept if columns[index].flexible]
    widths = []
    for index in kept:
        extra = spare // len(flexible) if index in flexible and spare > 0 else 0
        extra += spare % len(flexible) if flexible and spare > 0 and index == flexible[-1] else 0
        widths.append((index, columns[index].width + extra))
    return tuple(widths)


def _needed(columns: Sequence[Column], kept: list[int]) -> int:
    return sum(columns[index].width + _GAP for index in kept)
