"""What would change in a draft or a project, before it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from backends.drafting.changes import Changed
from backends.drafting.difference import Change, Piece, changed_words
from backends.safety.text import display_whole
from screens.drafting_sheet import Sheet
from screens.frame import Frame
from widgets.tone import Cell, Part, Tone

_MARKS: Final = {
    Change.SAME: ("", "", Tone.PLAIN),
    Change.REMOVED: ("[-", "-]", Tone.CRITICAL),
    Change.ADDED: ("{+", "+}", Tone.OK),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sheet's head and lines."""

    head: tuple[Cell, ...]
    lines: tuple[tuple[Cell, ...], ...]


class DifferenceScreen(Sheet[bool]):
    """Enter takes the new text, escape leaves all as it is."""

    KEYS: ClassVar = [("enter", "take the new text"), ("j/k", "scroll")]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "take", tooltip="Take the new text")]

    def __init__(self, frame: Frame, comparison: Comparison) -> None:
        super().__init__(frame, [comparison.head], comparison.lines)

    def action_take(self) -> None:
        """Takes the new text."""
        self.dismiss(True)


def comparison(name: str, changes: Sequence[Changed]) -> Comparison:
    """What a sheet shows of the changes. Takes a while for long texts: call it in a thread."""
    words = [changed_words(each.pieces) for each in changes]
    counts = (
        Part(f"  −{sum(gone for gone, _ in words):,} words", Tone.CRITICAL),
        Part(f"  +{sum(come for _, come in words):,} words", Tone.OK),
        Part("   [-goes-] {+comes+}", Tone.MUTED),
    )
    same = (Part("  nothing would change", Tone.MUTED),)
    return Comparison((Part(name, Tone.STRONG), *(counts if changes else same)), tuple(_lines(changes)))


def _lines(changes: Sequence[Changed]) -> Iterator[tuple[Cell, ...]]:
    """The parts below each other; a draft that changes alone has no title."""
    titled = [each.part for each in changes] != ["draft"]
    for each in changes:
        if titled:
            yield (Part(f"── {each.part} ──", Tone.ACCENT),)
        yield from difference_lines(each.pieces)


def difference_lines(parts: tuple[Piece, ...]) -> list[tuple[Cell, ...]]:
    """The text with what goes and what comes marked, by signs as well as by tones."""
    lines: list[list[Part]] = [[]]
    for piece in parts:
        before, after, tone = _MARKS[piece.change]
        for place, text in enumerate(display_whole(piece.text).split("\n")):
            if place:
                lines.append([])
            if text:
                lines[-1].append(Part(f"{before}{text}{after}", tone))
    return [tuple(line) for line in lines]
