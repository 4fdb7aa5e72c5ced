"""One document as a tree: a line a value, the reference first to see; enter folds what lies in a line, or opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from textual import on

from backends.orphans.model import Node
from widgets.grid import Column, Grid, Row
from widgets.tone import Part, Tone

COLUMNS: Final = (Column("field", 34), Column("value", 20, flexible=True))
INDENT: Final = "  "


class OrphanDocument(Grid):
    """The tree of a document; `reference` is the field that names its parent."""

    def __init__(self, *, id: str) -> None:
        super().__init__(*COLUMNS, id=id)
        self._values: tuple[Node, ...] = ()
        self._reference = ""
        self._filter = ""
        self._folded: set[int] = set()

    def open(self, nodes: Sequence[Node], reference: str) -> None:
        """Shows a document; what was folded in the same one before stays so."""
        if tuple(nodes) != self._values:
            self._folded.clear()
        self._values, self._reference = tuple(nodes), reference
        self._draw()

    def narrow(self, text: str) -> None:
        """Shows only the values with this text in their name or their text."""
        self._filter = text
        self._draw()

    @on(Grid.Selected)
    def _fold(self, message: Grid.Selected) -> None:
        message.stop()
        place = int(message.key or 0)
        if self._values[place].inner:
            self._folded ^= {place}
            self._draw()

    def _draw(self) -> None:
        rows = [Row(str(place), self._cells(place)) for place in seen(self._values, self._folded)]
        kept = [row for row in rows if self._filter in " ".join(map(str, row.cells)).lower()] if self._filter else rows
        self.show(kept, empty="nothing like that in this document" if rows else "reading …")

    def _cells(self, place: int) -> tuple[str | Part, Part]:
        node = self._values[place]
        sign = ("▸ " if place in self._folded else "▾ ") if node.inner else ""
        name = f"{INDENT * node.depth}{sign}{node.name}"
        refers = not node.depth and node.name == self._reference
        tone = Tone.ACCENT if refers else Tone.MUTED if node.inner else Tone.PLAIN
        return Part(name, tone) if refers else name, Part(node.text, tone)


def seen(nodes: Sequence[Node], folded: set[int]) -> Iterator[int]:
    """The places of the nodes that do not lie in a folded one.

    >>> list(seen([Node(0, "a", "", True), Node(1, "b", ""), Node(0, "c", "")], {0}))
    [0, 2]
    """
    hidden_below: int | None = None
    for place, node in enumerate(nodes):
        if hidden_below is not None and node.depth > hidden_below:
            continue
        hidden_below = node.depth if place in folded else None
        yield place
