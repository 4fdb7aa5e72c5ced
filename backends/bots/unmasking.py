"""Personal data: masked wherever it is shown, until a person unmasks one session, which the audit log keeps."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.bots.safe import clear, json_value, shown
from backends.safety.text import CELL_LIMIT
from backends.safety.url_secrets import MASK

if TYPE_CHECKING:
    from backends.safety.gate import Token

UNMASK: Final = "bots.unmask"
UNMASKED_S: Final = 600.0
"""Seconds after which what was unmasked is masked again."""

_TELEPHONE = re.compile(
    r"(?<![\w./-])(?<!\d:)"  # not inside a word, a path or a time
    r"(?!\d{4}-\d\d-\d\d(?!\d))(?!\d{1,3}(?:\.\d{1,3}){3}(?![\d.]))"  # no date, no IP address
    r"\+?\(?\d[\d ()/.-]{7,18}\d(?!\w|[/-]|:\d)"
)

_PERSONS: Final = frozenset(
    {
        "name", "names", "speaker", "speakers", "speakername", "participant", "participants", "participantname",
        "user", "users", "username", "caller", "callername", "displayname", "fullname", "firstname", "lastname",
        "surname", "givenname", "familyname", "attendee", "attendees", "organizer", "organiser", "person", "contact",
        "member", "invitee", "author", "sender", "requestedby", "invitedby", "removedby", "admittedby",
    }
)  # fmt: skip
"""Fields of JSON documents that hold persons' names, in lower case and without separators."""

_NUMBERS: Final = frozenset({"phone", "phonenumber", "telephone", "tel", "mobile", "dialin", "callerid"})
"""Those that hold telephone numbers, however they are written."""

_UNSEPARATED = re.compile(r"[^A-Za-z]")
_STRING = re.compile(r'(?P<field>"(?:[^"\\]|\\.)*+"\s*:)|"(?:[^"\\]|\\.)*+"?')


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

    >>> said("call +49 30 1234567 or ana@example.com at 10:30, phone:0301234567", seen=False)
    'call •••• or a••••@example.com at 10:30, phone:••••'
    >>> said("2026-01-02 10:30:11 connection to 192.168.10.11 lost", seen=False)
    '2026-01-02 10:30:11 connection to 192.168.10.11 lost'
    """
    return clear(value, limit) if seen else _TELEPHONE.sub(MASK, shown(value, limit))


def reported(value: object, limit: int = CELL_LIMIT) -> str:
    """A title or an error: as `said`, but a mere number is more often an id or a size than a telephone's.

    >>> reported("Ana +49 30 1234567: 123456789 bytes")
    'Ana ••••: 123456789 bytes'
    """
    return _reported(shown(value, limit))


def _reported(text: str) -> str:
    return _TELEPHONE.sub(lambda found: found[0] if found[0].isdigit() and found[0][0] != "0" else MASK, text)


def told(text: str | None, seen: bool, people: Collection[str] = ()) -> str:
    """A JSON document as one line: persons' names are known by their fields, and where they are among the people.

    One that was cut is no document any more: then every text in it is masked.

    >>> told('{"caller": "Ana Ruiz", "at": 1700000000, "why": "Bo Li, tel 0301234567"}', False, ["Bo Li"])
    '{"caller": "A•••• R••••", "at": 1700000000, "why": "B•••• L••••, tel ••••"}'
    >>> told('{"chunk": "seven", "caller": "Ana R', False)
    '{"chunk": "••••", "caller": "••••"'
    """
    if seen or not text:
        return clear(text, 600)
    document = json_value(text)
    if document is None and text.strip() != "null":
        return shown(_STRING.sub(lambda found: found["field"] or f'"{MASK}"', text), 600)
    masked = _masked(document, "", people)
    return shown(text if masked == document else json.dumps(masked, ensure_ascii=False), 600)


def _masked(value: Any, field: str, people: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _masked(each, _UNSEPARATED.sub("", key).lower(), people) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, field, people) for each in value]
    if field in _NUMBERS and isinstance(value, str | int) and value:
        return MASK
    if not isinstance(value, str):
        return value
    return name(value, False) if field in _PERSONS else _without(value, people)


def _without(text: str, people: Collection[str]) -> str:
    for each in people:
        text = text.replace(each, name(each, False))
    return _reported(text)
