"""Amounts as text that fits a column."""

from __future__ import annotations

from widgets.tone import Cell, Part, Tone

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def count(number: int | None) -> Cell:
    """A count with its thousands apart; "?" where it is not known.

    >>> count(12034), count(None).text
    ('12,034', '?')
    """
    return Part("?", Tone.NO_DATA) if number is None else f"{number:,}"


def size(number: int | None) -> Cell:
    """Bytes in the unit that leaves at most three digits before the point; "?" where they are not known.

    >>> [size(n) for n in (0, 1023, 1024, 1536, 10 * 1024**2)]
    ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '10.0 MiB']
    """
    if number is None:
        return Part("?", Tone.NO_DATA)
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{number} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
