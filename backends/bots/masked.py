"""What was read for a person's sight as it is without it: for the end of the sight, and for files. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from backends.bots.page import Event, Line, Participant, SessionPage, Tail
from backends.bots.unmasking import name, said, told

T = TypeVar("T")


def masked(value: T) -> T:
    """A page, a tail or one of their parts with personal data masked; anything else as it is."""
    hide = _HIDDEN.get(type(value))
    found: T = hide(value) if hide is not None else value
    return found


def _page(page: SessionPage) -> SessionPage:
    events, people = page.events, page.participants
    return replace(
        page,
        events=None if events is None else tuple(_event(each) for each in events),
        grave=tuple(_event(each) for each in page.grave),
        participants=None if people is None else tuple(_participant(each) for each in people),
    )


def _tail(tail: Tail) -> Tail:
    return replace(tail, lines=tuple(_line(each) for each in tail.lines))


def _line(line: Line) -> Line:
    translations = tuple(replace(each, text=said(each.text, seen=False, limit=_WHOLE)) for each in line.translations)
    text = said(line.text, seen=False, limit=_WHOLE)
    return replace(line, speaker=name(line.speaker, seen=False), text=text, translations=translations)


def _event(event: Event) -> Event:
    return replace(event, name=said(event.name, seen=False), data=told(event.data, seen=False))


def _participant(person: Participant) -> Participant:
    return replace(person, name=name(person.name, seen=False), email=said(person.email, seen=False))


_WHOLE: Final = 1_000
"""Characters: more than the reading left, so that nothing is cut again."""

_HIDDEN: Final[Mapping[type, Callable[[Any], Any]]] = {SessionPage: _page, Tail: _tail, Event: _event}
