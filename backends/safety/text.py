"""The one sanitiser: text from outside passes here before a widget, a log or a file sees it.

Terminals obey escape sequences and people are misled by invisible ones, and neither Textual's
`Content` nor `markup=False` removes them. What is removed leaves a visible mark, so that two
different values never look alike by accident.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

CELL_LIMIT: Final = 500
"""Characters of one table cell or line; longer values end in a mark that counts the rest."""

PAGE_LIMIT: Final = 100_000
"""Characters of one opened document or page."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
"""Stands for bidi and zero-width characters, lone surrogates, C1 controls and non-characters."""

COMBINING_LIMIT: Final = 3
"""Combining marks kept on one base character; scripts need two or three, an attack uses hundreds."""

_SUSPECT = re.compile(r"[^\x20-\x7e]")
_MARKS = "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_COMBINING_RUN = re.compile(f"({_MARKS}{{{COMBINING_LIMIT}}}){_MARKS}+")
_VARIATION_SELECTORS = frozenset(range(0xFE00, 0xFE10)) | frozenset(range(0xE0100, 0xE01F0))


def display_text(value: object, limit: int = CELL_LIMIT) -> str:
    r"""One safe line of text for any value: no control, escape, bidi or zero-width character survives.

    >>> display_text("a\x1b[2Jb\tc\nd")
    'a␛[2Jb c⏎d'
    >>> display_text("[@click=app.quit]x[/]")
    '[@click=app.quit]x[/]'
    >>> display_text("x" * 600, limit=10)
    'xxxxxxxxxx… +590 characters'
    """
    return _clean(_as_text(value, limit), keep="", limit=limit)


def display_block(value: object, limit: int = PAGE_LIMIT) -> str:
    r"""Safe text that may hold several lines: line feeds stay, tabs become four spaces.

    >>> display_block("one\r\ntwo\x9b31m")
    'one\ntwo�31m'
    """
    text = _as_text(value, limit).replace("\r\n", "\n").replace("\t", "    ")
    return _clean(text, keep="\n", limit=limit)


def display_whole(text: str) -> str:
    r"""Safe text that may hold several lines, all of it however long: for what a person writes and keeps.

    >>> display_whole("a\x1b\n" + "\t" * 30_000) == "a␛\n" + " " * 120_000
    True
    """
    return display_block(text, limit=len(text) + 3 * text.count("\t"))


KEPT_IN_PROSE: Final = frozenset("\u00ad\u061c\u200c\u200d\u200e\u200f\u2060") | frozenset(
    map(chr, _VARIATION_SELECTORS)
)
"""What scripts and emoji need although nobody sees it: joiners, direction marks, soft hyphens, variation selectors."""


def prose(text: str) -> str:
    r"""All of a person's text with what could mislead or command a terminal replaced, and what scripts need kept.

    For what is stored and sent, not shown: whatever shows it passes it through `display_text` or `display_block`.

    >>> prose("\u0646\u200c\u0647\xa0\x1b\u202e") == "\u0646\u200c\u0647\xa0␛\ufffd"
    True
    """
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    if not _SUSPECT.search(text):
        return text
    return _COMBINING_RUN.sub(r"\1" + REPLACEMENT, "".join(map(_kept, text)))


_STANDING_IN: Final = {ord(char): 0xE000 + place for place, char in enumerate(sorted(KEPT_IN_PROSE))}
_STOOD_FOR: Final = {standing: char for char, standing in _STANDING_IN.items()}
_SPACES: Final = "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
_SHOWN: Final = {**dict.fromkeys(_STOOD_FOR, REPLACEMENT), **dict.fromkeys(map(ord, _SPACES), " ")}


def standing_in(text: str) -> str:
    """Prose with a private character of one cell in the place of each that has no width, so that cells can be counted.

    >>> stood_for(standing_in("a\u200db")) == "a\u200db"
    True
    """
    return text if text.isascii() else text.translate(_STANDING_IN)


def stood_for(text: str) -> str:
    """What `standing_in` was given."""
    return text if text.isascii() else text.translate(_STOOD_FOR)


def shown_standing_in(text: str) -> str:
    """The same as it may reach a terminal: a visible mark for each."""
    return text if text.isascii() else text.translate(_SHOWN)


def _kept(char: str) -> str:
    return char if char == "\n" or char in KEPT_IN_PROSE or unicodedata.category(char) == "Zs" else _safe(char)


def _as_text(value: object, limit: int) -> str:
    if isinstance(value, bytes):
        # A character is at most four bytes, so more than that is never shown; the mark counts bytes then.
        return value[: 4 * limit + 4].decode("utf-8", "replace")
    return value if isinstance(value, str) else str(value)


def _clean(text: str, keep: str, limit: int) -> str:
    rest = len(text) - limit
    if rest > 0:
        text = text[:limit]
    if _SUSPECT.search(text):
        text = "".join(char if char in keep else _safe(char) for char in text)
        text = _COMBINING_RUN.sub(r"\1" + REPLACEMENT, text)
    return f"{text}… +{rest:,} characters" if rest > 0 else text


@lru_cache(maxsize=4096)
def _safe(char: str) -> str:
    """The character itself, or what stands for it: '' only for variation selectors."""
    code = ord(char)
    if char == "\n":
        return "⏎"
    if char == "\t":
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code in _VARIATION_SELECTORS:
        return ""
    category = unicodedata.category(char)
    if category in {"Zl", "Zp"}:
        return "⏎"
    if category == "Zs":
        return " "
    if category in {"Cc", "Cf", "Cs", "Cn", "Co"}:
        return REPLACEMENT
    return char
