"""What would change in a draft, before it does."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from backends.drafting.difference import Change, Piece, changed_words, difference
from backends.safety.text import display_whole
from screens.drafting_sheet import Sheet
from screens.frame import Frame
from widgets.tone import Cell, Part, Tone

_MARKS = {
    Change.SAME: ("", "", Tone.PLAIN),
    Change.REMOVED: ("[-", "-]", Tone.CRITICAL),
    Change.ADDED: ("{+", "+}", Tone.OK),
}


class DifferenceScreen(Sheet[bool]):
    """Enter takes the new text, escape leaves the draft as it is."""

    KEYS: ClassVar = [("enter", "take the new text"), ("j/k", "scroll")]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "take", tooltip="Take the new text")]

    def __init__(self, frame: Frame, name: str, old: str, new: str) -> None:
        parts = difference(old, new)
        gone, come = changed_words(parts)
        counts = (Part(f"  −{gone:,} words", Tone.CRITICAL), Part(f"  +{come:,} words", Tone.OK))
        marks = Part("   [-goes-] {+comes+}", Tone.MUTED)
        same = (Part("  nothing would change", Tone.MUTED),)
        head = (Part(name, Tone.STRONG), *((*counts, marks) if old != new else same))
        super().__init__(frame, [head], difference_lines(parts))

    def action_take(self) -> None:
        """Takes the new text."""
        self.dismiss(True)


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
