"""A row of cells in which each cell is a stretch of time in one state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.tone import Part, Tone


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in one state: the symbol of its cells (one cell wide), their tone, and how long it was in seconds."""

    symbol: str
    tone: Tone
    seconds: float


def cells(stretches: Sequence[Stretch], width: int) -> tuple[Part, ...]:
    """The stretches in this many cells, in proportion, each in one cell at least; the last ones where not all fit.

    >>> states = [Stretch("·", Tone.MUTED, 1), Stretch("█", Tone.OK, 98), Stretch("✖", Tone.CRITICAL, 1)]
    >>> "".join(part.text for part in cells(states, 12))
    '·██████████✖'
    """
    shown = stretches[-width:] if width > 0 else []
    spare = width - len(shown)
    total = sum(stretch.seconds for stretch in shown)
    if not shown or total <= 0:
        return tuple(Part(stretch.symbol, stretch.tone) for stretch in shown)
    parts, passed, used = [], 0.0, 0
    for stretch in shown:
        passed += stretch.seconds
        extra = round(spare * passed / total) - used
        used += extra
        parts.append(Part(stretch.symbol * (1 + extra), stretch.tone))
    return tuple(parts)
