"""Neighbouring pages of a list that is read by keys: what lies around the cursor, and never the whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

HELD: Final = 5
"""Pages that are held at once."""


@dataclass(slots=True)
class Window(Generic[K, T]):
    """The pages around the cursor. starts: the keys after which the known pages begin, None before the first.

    first: the number of the first page that is held, from 0.
    """

    starts: list[K | None] = field(default_factory=lambda: [None])
    first: int = 0
    pages: list[tuple[T, ...]] = field(default_factory=list)

    @property
    def items(self) -> list[T]:
        """All that is held, in order."""
        return [item for page in self.pages for item in page]

    def put(self, number: int, items: tuple[T, ...], next_: K | None) -> None:
        """Takes a page in beside its neighbours, the farthest of which goes; alone where none of them is held.

        >>> window = Window[str, int]()
        >>> window.put(0, (1, 2), "2"), window.put(1, (3, 4), None), window.items, window.starts
        (None, None, [1, 2, 3, 4], [None, '2'])
        """
        if self.pages and number == self.first - 1:
            self.pages.insert(0, items)
            del self.pages[HELD:]
            self.first = number
            return
        self.starts[number + 1 :] = [] if next_ is None else [next_]
        if not self.pages or number != self.first + len(self.pages):
            self.first, self.pages = number, []
        self.pages.append(items)
        gone = max(len(self.pages) - HELD, 0)
        del self.pages[:gone]
        self.first += gone

    def replace(self, number: int, items: tuple[T, ...]) -> bool:
        """Takes other items for a page; False where it is not held any more."""
        at = number - self.first
        if not 0 <= at < len(self.pages):
            return False
        self.pages[at] = items
        return True

    def page_at(self, place: int) -> int:
        """The number of the page that holds the place among all items held.

        >>> Window(pages=[("a", "b"), ("c",)], first=3).page_at(2)
        4
        """
        for number, page in enumerate(self.pages, self.first):
            if place < len(page):
                return number
            place -= len(page)
        return max(self.first + len(self.pages) - 1, 0)

    def place_of(self, number: int) -> int | None:
        """The place of a page's first item among all that are held; None where the page is not."""
        at = number - self.first
        return sum(map(len, self.pages[:at])) if 0 <= at < len(self.pages) else None

    def wanted(self, place: int) -> int | None:
        """The number of the page to be read, with the cursor at this place; None where its neighbours are held.

        >>> Window(starts=[None, "b", "d"], pages=[("a", "b")]).wanted(0)
        1
        """
        here, end = self.page_at(place), self.first + len(self.pages)
        if here + 1 >= end and end < len(self.starts):
            return end
        return self.first - 1 if here == self.first > 0 else None
