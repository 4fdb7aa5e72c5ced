"""A gauge in plain text cells: how much of a limit is in use, with the absolute numbers beside it."""

from __future__ import annotations

from widgets.tone import Part, Tone

_FULL, _HALF, _EMPTY = "█", "▒", "░"


def bar(active: float, idle: float, limit: float | None, width: int, tone: Tone = Tone.OK) -> tuple[Part, ...]:
    """A bar of `width` cells: in use, idle, free. Where the limit isn't known, nothing is drawn as if it were.

    >>> "".join(part.text for part in bar(2, 2, 8, 8))
    '██▒▒░░░░'
    >>> bar(1, 0, None, 4)[0].text
    '····'
    """
    if limit is None or limit <= 0:
        return (Part("·" * width, Tone.MUTED),)
    used = _share(active, limit, width)
    resting = min(_share(idle, limit, width), width - used)
    return (
        Part(_FULL * used, tone),
        Part(_HALF * resting, Tone.MUTED),
        Part(_EMPTY * (width - used - resting), Tone.MUTED),
    )


def _share(value: float, limit: float, width: int) -> int:
    """Cells for a value: at least one where it is not zero, all only where it is the limit or more."""
    if value <= 0:
        return 0
    if value >= limit:
        return width
    return min(max(round(value / limit * width), 1), width - 1)
