"""Whether what was asked for has come about: watched in what is there of the bots until it is seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from backends.bots.managers.model import ServiceView
from backends.bots.model import ENDED, Session, SessionRow, Status, Stray
from backends.bots.rules import time_limit_s
from backends.bots.status import shown_status

PATIENCE_S: Final = 60.0
"""Seconds after which it is said that nothing came of it."""

_ENDED: Final = frozenset(status.value for status in ENDED)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that was asked of the service: of which bot, when (UTC), and how the session was then.

    meeting holds the ids of the meeting's sessions that there were then. stray: the bot has no session that tells of
    it. unanswered says why it isn't known whether the service agreed; "" where it did.
    """

    verb: str
    session_id: str
    bot_id: str
    meeting_id: str
    at: datetime
    limit_s: float = 0.0
    meeting: frozenset[str] = frozenset()
    stray: bool = False
    unanswered: str = ""

    @classmethod
    def of(cls, verb: str, bot: Session | Stray, now: datetime) -> Self:
        """What is asked of a bot as it is now."""
        asked = cls(verb, bot.session_id, bot.bot_id, bot.meeting_id, now)
        return replace(asked, limit_s=bot.limit_s) if isinstance(bot, Session) else replace(asked, stray=True)


@dataclass(frozen=True, slots=True)
class Traces:
    """What is there of what was asked for: its sessions, their bots' and meetings', and what the service runs.

    view is None where the service didn't tell.
    """

    rows: tuple[SessionRow, ...]
    view: ServiceView | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """How it stands: what is seen, in words; over where nothing more is awaited; good where that is the wanted end."""

    words: str
    over: bool
    good: bool


def effect(asked: Asked, traces: Traces, now: datetime) -> Effect:
    """What is seen of it in the traces, which were read after it was asked."""
    seen = _SEEN[asked.verb](asked, traces)
    if seen.over:
        return seen
    words = f"no answer ({asked.unanswered}), it may have been done: {seen.words}" if asked.unanswered else seen.words
    if (now - asked.at).total_seconds() <= PATIENCE_S:
        return Effect(words, over=False, good=False)
    return Effect(f"{words}: not seen within {PATIENCE_S:.0f} s", over=True, good=False)


def _stop(asked: Asked, traces: Traces) -> Effect:
    if asked.stray:
        return _stop_stray(asked, traces.view)
    row = _of(asked, traces)
    if row is None:
        return _deleted()
    status = shown_status(row.raw_status)
    if status in _ENDED:
        return Effect(status, over=True, good=status == Status.COMPLETED.value)
    return Effect("is leaving" if status == Status.STOPPING.value else "asked to stop", over=False, good=False)


def _stop_stray(asked: Asked, view: ServiceView | None) -> Effect:
    """Only the service tells of a stray: that it is in no table, it was before."""
    if view is None or view.at <= asked.at:
        return Effect("asked to stop", over=False, good=False)
    if any(bot.bot_id == asked.bot_id for bot in view.bots):
        return Effect("asked to stop, and still runs", over=False, good=False)
    return Effect("the service runs it no more", over=True, good=True)


def _restart(asked: Asked, traces: Traces) -> Effect:
    fresh = _fresh(asked, traces)
    if fresh is not None:
        return Effect(f"comes back as {fresh.bot_id}", over=True, good=True)
    ended = _stop(asked, traces).over
    return Effect("ended, its successor is awaited" if ended else "asked to restart", over=False, good=False)


def _extend(asked: Asked, traces: Traces) -> Effect:
    row = _of(asked, traces)
    if row is None:
        return _deleted()
    if shown_status(row.raw_status) in _ENDED:
        return Effect("ended", over=True, good=False)
    limit_s = time_limit_s(row)
    longer = limit_s > asked.limit_s
    return Effect(f"may run {limit_s / 3600:.1f} h" if longer else "asked to go on longer", longer, longer)


def _request(asked: Asked, traces: Traces) -> Effect:
    row = next((each for each in traces.rows if asked.bot_id and each.bot_id == asked.bot_id), None)
    row = row or (None if asked.bot_id else _fresh(asked, traces))
    if row is None:
        return Effect("its session is awaited", over=False, good=False)
    status = shown_status(row.raw_status)
    begun = status not in {Status.PENDING.value, Status.STARTING.value}
    return Effect(status, over=begun, good=status == Status.ACTIVE.value)


_SEEN: Final = {"stop": _stop, "restart": _restart, "extend": _extend, "request": _request}


def _of(asked: Asked, traces: Traces) -> SessionRow | None:
    return next((each for each in traces.rows if each.session_id == asked.session_id), None)


def _fresh(asked: Asked, traces: Traces) -> SessionRow | None:
    """The meeting's newest session that was not there when it was asked."""
    new = (each for each in traces.rows if each.meeting_id == asked.meeting_id and each.session_id not in asked.meeting)
    return max(new, key=lambda each: each.created_at, default=None)


def _deleted() -> Effect:
    return Effect("its session was deleted", over=True, good=False)
