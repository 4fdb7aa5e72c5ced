"""Where one is in something that is read page by page, by keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass(slots=True)
class Pages(Generic[K]):
    """The keys after which the pages begin that one came through; None begins the first. next: where one could go."""

    starts: list[K | None] = field(default_factory=lambda: [None])
    next: K | None = None

    @property
    def start(self) -> K | None:
        """The key after which the page begins."""
        return self.starts[-1]

    @property
    def number(self) -> int:
        """The page's number, from 1."""
        return len(self.starts)

    def turn(self, step: int) -> bool:
        """Goes a page on (1) or back (-1); False where there is none.

        >>> pages = Pages[str](next="m")
        >>> pages.turn(1), pages.start, pages.turn(-1), pages.start, pages.turn(-1)
        (True, 'm', True, None, False)
        """
        if step > 0:
            if self.next is None:
                return False
            self.starts.append(self.next)
            return True
        if self.number == 1:
            return False
        self.starts.pop()
        return True
