"""Where a text was found."""

from __future__ import annotations

from collections.abc import Sequence

from backends.drafting.search import Hit
from backends.safety.text import display_text
from screens.drafting_sheet import Sheet
from screens.frame import Frame
from widgets.tone import Cell, Part, Tone


class FindScreen(Sheet[None]):
    """The hits, a line each."""

    KEYS = [("j/k", "scroll")]  # noqa: RUF012 - a class variable of the base

    def __init__(self, frame: Frame, term: str, hits: Sequence[Hit]) -> None:
        count = Part(f"  {len(hits)} hits" if hits else "  found nowhere", Tone.MUTED)
        super().__init__(
            frame, [(Part(f"“{display_text(term)}”", Tone.STRONG), count)], [hit_line(hit) for hit in hits]
        )


def hit_line(hit: Hit) -> tuple[Cell, ...]:
    """Section and line, and the text around the hit."""
    return (Part(f"{hit.section:<10} {hit.line:>5}  ", Tone.MUTED), hit.before, Part(hit.found, Tone.ACCENT), hit.after)
