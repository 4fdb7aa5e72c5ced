"""Personal data in what leaves for the model: each address, number or host of a person gets one name, the same
throughout, so that the model can still tell two of them apart."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

_SHAPES: Final = (
    ("mail", re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+\b")),
    ("address", re.compile(r"(?<![\w.:])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")),
    ("address", re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}(?![\w:])")),
    ("card", re.compile(r"(?<![\w-])\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}(?![\w-])")),
    ("phone", re.compile(r"(?<![\w+.:-])\+\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){2,5}\d{2,4}(?![\w:])")),
)


class Personal:
    """Replaces personal data; one instance is one text or conversation."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """The text without personal data.

        >>> Personal()("ada@example.org from 10.0.0.7, then ben@example.org, then ada@example.org at 03:04")
        '‹mail 1› from ‹address 1›, then ‹mail 2›, then ‹mail 1› at 03:04'
        """
        for kind, shape in _SHAPES:
            text = shape.sub(partial(self._name, kind), text)
        return text

    def _name(self, kind: str, match: re.Match[str]) -> str:
        found = match[0]
        if found not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[found] = f"‹{kind} {self._counts[kind]}›"
        return self._names[found]
