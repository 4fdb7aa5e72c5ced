"""Two collections side by side in the order of `_id`: what is missing, extra and different."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import NamedTuple

from backends.migrations.olorin.streams import Entry


class Kind(Enum):
    """How a document of one side stands to the other side."""

    SAME = "same"
    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"


class Pair(NamedTuple):
    """A document on both sides; None where a side has none."""

    source: Entry | None
    target: Entry | None

    @property
    def kind(self) -> Kind:
        """Missing in the target, extra there, different in any byte, or the same."""
        if self.source is None or self.target is None:
            return Kind.EXTRA if self.source is None else Kind.MISSING
        return Kind.SAME if self.source.data == self.target.data else Kind.DIFFERENT

    @property
    def one(self) -> Entry:
        """The document, the source's where there are two."""
        entry = self.source or self.target
        assert entry is not None
        return entry


class Side:
    """One side: its next document, and a list of those after it."""

    def __init__(self, lists: AsyncIterator[list[Entry]]) -> None:
        self._lists = lists
        self._entries: list[Entry] = []
        self._at = 0

    async def fill(self) -> bool:
        """Whether there is a next document."""
        while self._at >= len(self._entries):
            given = await anext(self._lists, None)
            if given is None:
                return False
            self._entries, self._at = given, 0
        return True

    @property
    def ready(self) -> bool:
        """Whether the next document is at hand."""
        return self._at < len(self._entries)

    @property
    def next(self) -> Entry:
        """The next document, left where it is."""
        return self._entries[self._at]

    def take(self) -> Entry:
        """The next document."""
        entry = self._entries[self._at]
        self._at += 1
        return entry


async def merged(source: AsyncIterator[list[Entry]], target: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Pair]]:
    """Every document of both sides, in order, a list at a time. Each side is passed over once."""
    left, right = Side(source), Side(target)
    while True:
        has_left, has_right = await left.fill(), await right.fill()
        if not has_left and not has_right:
            return
        pairs: list[Pair] = []
        while (left.ready or not has_left) and (right.ready or not has_right) and (left.ready or right.ready):
            pairs.append(_next_pair(left, right))
        yield pairs


def _next_pair(left: Side, right: Side) -> Pair:
    if not right.ready:
        return Pair(left.take(), None)
    if not left.ready:
        return Pair(None, right.take())
    mine, other = left.next.key, right.next.key
    if mine == other:
        return Pair(left.take(), right.take())
    return Pair(left.take(), None) if mine < other else Pair(None, right.take())
