"""Personal data: masked wherever it is shown, until a person unmasks one session, which the audit log keeps."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.bots.safe import clear, shown
from backends.safety.url_secrets import MASK

if TYPE_CHECKING:
    from backends.safety.gate import Token

UNMASK: Final = "bots.unmask"
UNMASKED_S: Final = 600.0
"""Seconds after which what was unmasked is masked again."""

_TELEPHONE = re.compile(r"(?<![\w.:/-])\+?\(?\d[\d ()/.-]{7,18}\d(?![\w:/-])")


@dataclass(frozen=True, slots=True)
class Sight:
    """The right to see one session's personal data, for a while."""

    session_id: str
    until: float

    def sees(self, session_id: str) -> bool:
        """Whether it is for this session, and not over."""
        return session_id == self.session_id and time.monotonic() < self.until


def unmask(token: Token, session_id: str) -> Sight:
    """A person's sight of a session. Raises Refused without the gate's token for it."""
    token.require(UNMASK)
    token.outcome(session_id=session_id, seconds=UNMASKED_S)
    return Sight(session_id, time.monotonic() + UNMASKED_S)


def name(value: object, seen: bool) -> str:
    """A person's name; masked it is the first letter of each of its words.

    >>> name("Ana Ruiz", seen=False), name("Ana Ruiz", seen=True), name(None, seen=False)
    ('A•••• R••••', 'Ana Ruiz', '')
    """
    if seen:
        return clear(value)
    words = shown(value).split()
    return " ".join(f"{word[0]}{MASK}" for word in words[:4])


def said(value: object, seen: bool, limit: int = 600) -> str:
    """A text that may hold addresses and telephone numbers.

    >>> said("call +49 30 1234567 or ana@example.com at 10:30", seen=False)
    'call •••• or a••••@example.com at 10:30'
    """
    return clear(value, limit) if seen else _TELEPHONE.sub(MASK, shown(value, limit))
