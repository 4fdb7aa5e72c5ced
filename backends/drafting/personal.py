"""Personal data in what leaves for the model: each address, number or host of a person gets one name, the same
throughout, so that the model can still tell two of them apart."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import partial
from typing import Final


def _is_address(text: str) -> bool:
    """Whether it is an IPv6 address; a time is none.

    >>> _is_address("2001:db8::1"), _is_address("fe80::1%eth0"), _is_address("03:04:05"), _is_address("::")
    (True, True, False, False)
    """
    try:
        return not ipaddress.IPv6Address(text).is_unspecified
    except ValueError:
        return text.count(":") >= 5 and re.fullmatch(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", text) is not None


def _is_card(text: str) -> bool:
    """Whether its digits add up as those of a card do; other long numbers are ids and sizes.

    >>> _is_card("4111 1111 1111 1111"), _is_card("4111111111111112")
    (True, False)
    """
    digits = [int(each) for each in text if each.isdigit()]
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _always(text: str) -> bool:
    return bool(text)


_SHAPES: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...]] = (
    ("mail", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*"), _always),
    (
        "address",
        re.compile(
            r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]{1,4})?(?:%\w{1,15})?(?![\w:])"
        ),
        _is_address,
    ),
    ("address", re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)"), _always),
    ("card", re.compile(r"(?<![\w.-])(?:\d{4}[ -]){3}\d{4}(?![\w-])"), _always),
    ("card", re.compile(r"(?<![\w.-])\d{13,19}(?![\w-])"), _is_card),
    ("phone", re.compile(r"(?<![\w+.:-])\+\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){2,5}\d{2,4}(?![\w:])"), _always),
    ("phone", re.compile(r"(?<![\w+.:-])\(0?\d{2,4}\)[ ./-]?\d{3,4}[ .-]?\d{2,4}(?![\w:-])"), _always),
    ("phone", re.compile(r"(?<![\w+.:/-])0\d{1,3}[ /-]\d{3}[ -]?\d{2,4}(?:[ -]?\d{2,4})?(?![\w:-])"), _always),
    ("phone", re.compile(r"(?<![\w+.:/-])\d{3}([.-])\d{3}\1\d{4}(?![\w:-])"), _always),
)
"""What personal data looks like, and whether what looks so is it. An address of a machine tells of who uses it."""


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
        for kind, shape, holds in _SHAPES:
            text = shape.sub(partial(self._name, kind, holds), text)
        return text

    def _name(self, kind: str, holds: Callable[[str], bool], match: re.Match[str]) -> str:
        found = match[0]
        if not holds(found):
            return found
        if found not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[found] = f"‹{kind} {self._counts[kind]}›"
        return self._names[found]
