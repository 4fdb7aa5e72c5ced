"""Whether what was asked for has come about: watched in the sessions themselves until it is seen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.bots.model import ENDED, Session, Status

PATIENCE_S: Final = 60.0
"""Seconds after which it is said that nothing came of it."""

_ENDED: Final = frozenset(status.value for status in ENDED)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that the service agreed to do: to which bot, when (UTC), and how the session was then.

    meeting holds the ids of the meeting's sessions that were known then. alone: its successor can't be seen from here.
    """

    verb: str
    session_id: str
    bot_id: str
    meeting_id: str
    at: datetime
    limit_s: float = 0.0
    meeting: frozenset[str] = frozenset()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """How it stands: what is seen, in words; over where nothing more is awaited; good where that is the wanted end."""

    words: str
    over: bool
    good: bool


def effect(asked: Asked, sessions: Sequence[Session], now: datetime) -> Effect:
    """What is seen of it in the sessions as they are now."""
    seen = _SEEN[asked.verb](asked, sessions)
    waited_s = (now - asked.at).total_seconds()
    if seen.over or waited_s <= PATIENCE_S:
        return seen
    return Effect(f"{seen.words}: not seen within {PATIENCE_S:.0f} s", over=True, good=False)


def _stop(asked: Asked, sessions: Sequence[Session]) -> Effect:
    session = _of(asked, sessions)
    if session is None:
        return Effect("gone", over=True, good=True)
    if session.status in _ENDED:
        return Effect(session.status, over=True, good=session.status == Status.COMPLETED.value)
    return Effect("is leaving" if session.status == Status.STOPPING.value else "asked to stop", over=False, good=False)


def _restart(asked: Asked, sessions: Sequence[Session]) -> Effect:
    fresh = [each for each in sessions if each.meeting_id == asked.meeting_id and each.session_id not in asked.meeting]
    if fresh:
        return Effect(f"comes back as {fresh[0].bot_id}", over=True, good=True)
    ended = _stop(asked, sessions)
    if ended.over and asked.alone:
        return Effect("ended; its successor is in the list", over=True, good=True)
    return Effect("ended, its successor is awaited" if ended.over else "asked to restart", over=False, good=False)


def _extend(asked: Asked, sessions: Sequence[Session]) -> Effect:
    session = _of(asked, sessions)
    if session is None or session.status in _ENDED:
        return Effect("ended", over=True, good=False)
    longer = session.limit_s > asked.limit_s
    return Effect(f"may run {session.limit_s / 3600:.1f} h" if longer else "asked to go on longer", longer, longer)


def _request(asked: Asked, sessions: Sequence[Session]) -> Effect:
    session = next((each for each in sessions if each.bot_id == asked.bot_id), None)
    if session is None:
        return Effect("its session is awaited", over=False, good=False)
    begun = session.status not in {Status.PENDING.value, Status.STARTING.value}
    return Effect(session.status, over=begun, good=session.status == Status.ACTIVE.value)


_SEEN: Final = {"stop": _stop, "restart": _restart, "extend": _extend, "request": _request}


def _of(asked: Asked, sessions: Sequence[Session]) -> Session | None:
    return next((each for each in sessions if each.session_id == asked.session_id), None)
