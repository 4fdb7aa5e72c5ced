"""How two texts differ, sentence by sentence: what a person looks at before one takes the other's place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backends.drafting.matching import matches

_PIECE: Final = re.compile(r".*?(?:(?<![.!?…])[.!?…]++[\"'”’)]*(?=\s)|\n+|$)[^\S\n]*", re.DOTALL)


class Change(Enum):
    """What became of a piece."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of sentences that stayed, went or came."""

    change: Change
    text: str


def difference(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces in their order; the old text is all but ADDED, the new one all but REMOVED.

    >>> [(piece.change.value, piece.text) for piece in difference("One. Two. Three.", "One. 2. Three.")]
    [('same', 'One. '), ('removed', 'Two. '), ('added', '2. '), ('same', 'Three.')]
    """
    before, after = pieces(old), pieces(new)
    return tuple(_pieces(before, after))


def pieces(text: str) -> list[str]:
    """The text's sentences and line ends, nothing left out.

    >>> pieces("One. Two!\\n\\nThree")
    ['One. ', 'Two!', '\\n\\n', 'Three']
    """
    return [piece for piece in _PIECE.findall(text) if piece]


def changed_words(parts: tuple[Piece, ...]) -> tuple[int, int]:
    """Words that went, and words that came."""
    return _words(parts, Change.REMOVED), _words(parts, Change.ADDED)


def _words(parts: tuple[Piece, ...], change: Change) -> int:
    return sum(len(piece.text.split()) for piece in parts if piece.change is change)


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    i = j = 0
    for m, n, count in [*_runs(matches(before, after)), (len(before), len(after), 0)]:
        if m > i:
            yield Piece(Change.REMOVED, "".join(before[i:m]))
        if n > j:
            yield Piece(Change.ADDED, "".join(after[j:n]))
        if count:
            yield Piece(Change.SAME, "".join(before[m : m + count]))
        i, j = m + count, n + count


def _runs(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Places that follow each other in both, as the first of them and how many."""
    first: tuple[int, int] | None = None
    count = 0
    for i, j in pairs:
        if first is not None and (i, j) == (first[0] + count, first[1] + count):
            count += 1
            continue
        if first is not None:
            yield *first, count
        first, count = (i, j), 1
    if first is not None:
        yield *first, count
