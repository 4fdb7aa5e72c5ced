"""A table over a list that is read by keys: it reads what lies around the cursor before the cursor gets there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from textual.message import Message
from textual.worker import Worker

from screens.orphan_window import Window
from widgets.grid import Column, Grid, Row

K = TypeVar("K")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
K_co = TypeVar("K_co", covariant=True)


class Page(Protocol[K_co, T_co]):
    """Some items in order, and the key after which the following ones begin."""

    @property
    def items(self) -> tuple[T_co, ...]:
        """What the page holds."""

    @property
    def next(self) -> K_co | None:
        """None at the end."""


class Source(Protocol[K, T]):
    """Where a window's pages come from, and how they look. empty: what to say where there is nothing."""

    empty: str

    async def read(self, after: K | None) -> Page[K, T]:
        """The page after the key. Raises what keeps it from being read."""

    async def complete(self, items: tuple[T, ...]) -> tuple[T, ...]:
        """The items with what takes longer to tell."""

    def row(self, item: T, completed: bool) -> Row:
        """An item as a row."""


class WindowGrid(Grid, Generic[K, T]):
    """A Grid that holds a few pages; `Turned` tells that another one is under the cursor, or that one was read.

    failed: what a failure of the source is told to.
    """

    class Turned(Message):
        """What is known of the page under the cursor changed."""

        def __init__(self, grid: Grid) -> None:
            super().__init__()
            self.grid = grid

        @property
        def control(self) -> Grid:
            """The grid."""
            return self.grid

    def __init__(self, *columns: Column, id: str, failed: Callable[[Exception], None]) -> None:
        super().__init__(*columns, id=id)
        self._source: Source[K, T] | None = None
        self._failed = failed
        self._window = Window[K, T]()
        self._drawn: dict[int, list[Row]] = {}
        self._incomplete: set[int] = set()
        self._reading: Worker[None] | None = None
        self._number = 0

    def begin(self, source: Source[K, T]) -> None:
        """Shows a list from its first page."""
        self._source, self._window, self._number = source, Window(), 0
        self._drawn.clear()
        self._incomplete.clear()
        super()._move_cursor(0)
        self._touched = False
        self.reload()

    def reload(self) -> None:
        """Reads the page under the cursor again, and its neighbours."""
        self._work(self._load(self.number))

    def turn(self, step: int) -> bool:
        """Goes to the first item of the next page, or of the one before; False where there is none."""
        number = self.number + step
        if not 0 <= number < len(self._window.starts):
            return False
        place = self._window.place_of(number)
        if place is None:
            self._work(self._load(number))
        else:
            self._move_cursor(place)
        return True

    def go_on_with(self, source: Source[K, T]) -> None:
        """Takes the pages from another source of the same list, from the one under the cursor on."""
        self._source = source
        self.reload()

    def redraw(self) -> None:
        """Makes the rows that are held again: how they look changed."""
        self._draw(*self._drawn)

    def redraw_here(self) -> None:
        """The same for the page under the cursor."""
        self._draw(self.number)

    @property
    def number(self) -> int:
        """The number of the page under the cursor, from 0."""
        return self._window.page_at(self.place)

    @property
    def here(self) -> tuple[T, ...]:
        """The items of the page under the cursor."""
        at = self.number - self._window.first
        return self._window.pages[at] if at < len(self._window.pages) else ()

    @property
    def more(self) -> bool:
        """Whether a page follows."""
        return self.number + 1 < len(self._window.starts)

    @property
    def settled(self) -> bool:
        """Whether all is read that lies around the cursor."""
        return self._reading is None or self._reading.is_finished

    @property
    def item(self) -> T | None:
        """The item under the cursor."""
        place = self.place
        for page in self._window.pages:
            if place < len(page):
                return page[place]
            place -= len(page)
        return None

    def _move_cursor(self, index: int) -> None:
        super()._move_cursor(index)
        if self.number != self._number:
            self._number = self.number
            self.post_message(self.Turned(self))
            if self.settled:
                self._work(self._read_on())

    # Reading

    def _work(self, reading: Awaitable[None]) -> None:
        self._reading = self.run_worker(self._guarded(reading), exclusive=True, group="pages", exit_on_error=False)

    async def _guarded(self, reading: Awaitable[None]) -> None:
        try:
            await reading
        except Exception as error:
            self._failed(error)

    async def _load(self, number: int) -> None:
        """Reads a page on its own, then what lies around it."""
        turned = number != self.number
        await self._take(number)
        if turned:
            self._move_cursor(self._window.place_of(number) or 0)
        await self._read_on()

    async def _read_on(self) -> None:
        """The neighbours first, then what takes longer."""
        while self._source is not None:
            wanted = self._window.wanted(self.place)
            if wanted is not None:
                await self._take(wanted)
                continue
            held = range(self._window.first, self._window.first + len(self._window.pages))
            number = next((each for each in held if each in self._incomplete), None)
            if number is None:
                return
            items = self._window.pages[number - self._window.first]
            self._window.replace(number, await self._source.complete(items))
            self._incomplete.discard(number)
            self._draw(number)

    async def _take(self, number: int) -> None:
        if self._source is None:
            return
        page = await self._source.read(self._window.starts[number])
        self._window.put(number, tuple(page.items), page.next)
        self._incomplete.add(number)
        self._draw(number)

    def _draw(self, *numbers: int) -> None:
        if self._source is None:
            return
        held = dict(enumerate(self._window.pages, self._window.first))
        made = {number: self._rows_of(held[number], number) for number in numbers if number in held}
        self._drawn = {number: self._drawn.get(number, []) for number in held} | made
        self.show([row for rows in self._drawn.values() for row in rows], empty=self._source.empty)
        self._number = self.number
        self.post_message(self.Turned(self))

    def _rows_of(self, items: Sequence[T], number: int) -> list[Row]:
        source = self._source
        return [source.row(each, number not in self._incomplete) for each in items] if source is not None else []
