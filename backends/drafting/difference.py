"""How two texts differ, sentence by sentence: what a person looks at before one takes the other's place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Final

_PIECE: Final = re.compile(r".*?(?:[.!?…]+[\"'”’)]*(?=\s)|\n+|$)[^\S\n]*", re.DOTALL)


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
    for tag, i, j, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Piece(Change.SAME, "".join(before[i:j]))
            continue
        if j > i:
            yield Piece(Change.REMOVED, "".join(before[i:j]))
        if n > m:
            yield Piece(Change.ADDED, "".join(after[m:n]))
