"""Two collections side by side in the order of `_id`: what is missing, extra and different."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
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
    def rest(self) -> list[Entry]:
        """The documents at hand."""
        return self._entries[self._at :] if self._at else self._entries

    def skip(self, number: int) -> None:
        """Passes over so many of them."""
        self._at += number

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
        pairs, mine, other = _paired(left.rest, right.rest)
        left.skip(mine)
        right.skip(other)
        if not has_right:
            pairs += [Pair(entry, None) for entry in left.rest]
            left.skip(len(left.rest))
        if not has_left:
            pairs += [Pair(None, entry) for entry in right.rest]
            right.skip(len(right.rest))
        yield pairs


def _paired(left: Sequence[Entry], right: Sequence[Entry]) -> tuple[list[Pair], int, int]:
    """The documents of both in order, until one of them is used up; how many of each that took."""
    pairs: list[Pair] = []
    mine, other, ends, others_end = 0, 0, len(left), len(right)
    while mine < ends and other < others_end:
        one, two = left[mine], right[other]
        if one.key == two.key:
            pairs.append(Pair(one, two))
            mine, other = mine + 1, other + 1
        elif one.key < two.key:
            pairs.append(Pair(one, None))
            mine += 1
        else:
            pairs.append(Pair(None, two))
            other += 1
    return pairs, mine, other
