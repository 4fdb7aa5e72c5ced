"""The one state machine of bots: every change is checked, recovering is a flag, each end has its time. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from backends.bots.managers.model import BotEvent, BotState, EventKind
from backends.bots.model import ENDED, Status
from backends.bots.status import may_follow, status_of, way
from backends.clients.errors import BadAnswer

RECOVERING = "recovering"


class ImpossibleStep(BadAnswer):
    """A bot was said to be in a status that may not follow the one that it had."""

    kind = "impossible change"


def begun(word: str, now: datetime) -> BotState:
    """A bot that is seen for the first time. Raises BadAnswer for a word that no vocabulary has."""
    status = _known(word)
    return BotState(status, _recovers(word), now, now if status in ENDED else None)


def advanced(state: BotState, word: str, now: datetime) -> BotState:
    """The bot after it was said to be in a status; itself where nothing changed.

    Raises ImpossibleStep for a change that may not be, BadAnswer for a word that no vocabulary has.
    """
    status = _known(word)
    if status is state.status:
        recovers = _recovers(word) and status not in ENDED
        return state if recovers is state.recovering else replace(state, recovering=recovers)
    if not may_follow(state.status, status):
        raise ImpossibleStep(f"A bot that is {state.status.value} can't become {status.value}.")
    return BotState(status, _recovers(word), now, now if status in ENDED else None)


def seen(state: BotState, word: str, now: datetime) -> tuple[BotState, ...]:
    """What a bot went through until it was seen in a status: looks are seconds apart, and miss what is short.

    Every step of the shortest way is checked. Nothing where nothing changed. Raises as `advanced` does.
    """
    passed = []
    for status in way(state.status, _known(word))[:-1]:
        state = advanced(state, status.value, now)
        passed.append(state)
    last = advanced(state, word, now)
    return (*passed, last) if last is not state else tuple(passed)


def event_of(bot_id: str, before: BotState | None, after: BotState) -> BotEvent | None:
    """What subscribers are told of a change; None where nothing changed."""
    if before == after:
        return None
    at, old, new = after.ended_at or after.since, before.status if before else None, after.status
    if before is None:
        return BotEvent(EventKind.SPAWNED, bot_id, at, None, new, f"runs: {new.value}")
    if new is Status.FAILED:
        return BotEvent(EventKind.ERROR, bot_id, at, old, new, "failed")
    if new is Status.COMPLETED:
        return BotEvent(EventKind.TERMINATED, bot_id, at, old, new, "ended")
    if old is new:
        return BotEvent(EventKind.LIFECYCLE, bot_id, at, old, new, "recovers" if after.recovering else "recovered")
    return BotEvent(EventKind.STATUS_CHANGE, bot_id, at, old, new, f"{before.status.value} → {new.value}")


def _known(word: str) -> Status:
    status = status_of(word)
    if status is None:
        raise BadAnswer(f"The status {word!r} is in no vocabulary.")
    return status


def _recovers(word: str) -> bool:
    return word.strip().lower() == RECOVERING
