"""Text that was decoded wrongly, once or more often (“Ã©” for “é”, “‚úÖ” for “✅”): found, and put right.

Only runs of characters that make up valid UTF-8 of common characters in the wrong encoding are touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_ROUNDS: Final = 3
"""Times that a text may have been decoded wrongly."""

_ENCODINGS: Final = ("cp1252", "mac_roman")

_COMMON: Final = re.compile(
    "[\u0080-\u017f\u0386-\u03ce\u0401\u0410-\u044f\u0451\u05d0-\u05ea\u0621-\u064a\u200b-\u200f\u2010-\u2044\u20a0-\u20bf"
    "\u2100-\u214f\u2190-\u27bf\u2b00-\u2bff\u3000-\u9fff\uac00-\ud7a3\ufe0f\ufffd\U0001f000-\U0001faff]+"
)
"""What text is made of: a capital before a closing quote is valid UTF-8 too, but of nothing that anybody writes."""


def _bytes_of(encoding: str) -> dict[str, int]:
    """Character → byte, for the bytes from 0x80 on; what the encoding leaves undefined stands for itself."""
    pairs = ((bytes([byte]).decode(encoding, "ignore") or chr(byte), byte) for byte in range(0x80, 0x100))
    return dict(pairs)


_TABLES: Final = {encoding: _bytes_of(encoding) for encoding in _ENCODINGS}
_RUNS: Final = {encoding: re.compile("[" + re.escape("".join(table)) + "]{2,}") for encoding, table in _TABLES.items()}


@dataclass(frozen=True, slots=True)
class Repair:
    """A text put right, and in how many places."""

    text: str
    places: int


def repaired(text: str) -> Repair | None:
    """The text put right; None where nothing was decoded wrongly.

    >>> repaired("cafÃ© â€œsaltâ€\\x9d"), repaired("‚úÖ done"), repaired("café “salt”")
    (Repair(text='café “salt”', places=3), Repair(text='✅ done', places=1), None)
    """
    best: Repair | None = None
    for encoding in _ENCODINGS:
        found = _repaired(text, encoding)
        if found is not None and (best is None or found.places > best.places):
            best = found
    return best


def _repaired(text: str, encoding: str) -> Repair | None:
    places = 0
    for _ in range(_ROUNDS):
        text, count = _once(text, encoding)
        if not count:
            break
        places = max(places, count)
    return Repair(text, places) if places else None


def _once(text: str, encoding: str) -> tuple[str, int]:
    table, count = _TABLES[encoding], 0

    def put_right(match: re.Match[str]) -> str:
        nonlocal count
        try:
            right = bytes(table[char] for char in match[0]).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        if not _COMMON.fullmatch(right):
            return match[0]
        count += 1
        return right

    return _RUNS[encoding].sub(put_right, text), count
