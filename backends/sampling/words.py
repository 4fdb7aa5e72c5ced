"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """The number and the noun, in the plural where there is not exactly one.

    >>> counted(1, "orphan"), counted(12034, "orphan")
    ('1 orphan', '12,034 orphans')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
