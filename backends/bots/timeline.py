"""A session's statuses in time, from the events that changed them, else from its own columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from backends.bots.model import ENDED, Finding, SessionRow, Status, latest
from backends.bots.page import Span
from backends.bots.safe import json_value
from backends.bots.status import is_recovering, may_follow, shown_status, status_of
from backends.sampling.state import State

Change = tuple[datetime, str]
"""When a session came into a status, and the word for it."""

_STATUS_FIELDS = ("to", "to_status", "new_status", "status")
STARTED: Final = Status.ACTIVE.value
ENDING: Final = Status.COMPLETED.value
RECOVERING: Final = "recovering"

_BY_NAME: Final = {
    "session_started": STARTED,
    "session_ended": ENDING,
    "recovery_started": RECOVERING,
    "bot_recovered": STARTED,
}
"""What is said by events that name no status themselves."""


def changed_to(name: str, data: str | None) -> str | None:
    """The word of the status that a change event says the session came into; None where it says none.

    data is the event's JSON; the word stands in one of a few fields there, or follows from the event's name.

    >>> changed_to("status_changed", '{"from": "starting", "to": "running"}'), changed_to("session_ended", None)
    ('running', 'completed')
    """
    value = json_value(data)
    fields = value if isinstance(value, dict) else {}
    word = next((fields[name] for name in _STATUS_FIELDS if isinstance(fields.get(name), str)), None)
    return word or _BY_NAME.get(name)


def spans(row: SessionRow, changes: Sequence[Change], now: datetime) -> tuple[Span, ...]:
    """The statuses one after another, ending with the row's own. changes are in any order, and may be none."""
    told = sorted(_as_ended(row, change) for change in changes)
    points = _kept([*_beginning(row, told), *told, _end(row, told, now)])
    ends = [*(time for time, _ in points[1:]), None if status_of(points[-1][1]) in ENDED else now]
    words = [None, *(word for _, word in points)]
    # What goes before the first change is not told by an event, so nothing can be wrong with it.
    first = told[0][0] if told else now
    return tuple(
        Span(
            status=shown_status(word),
            recovering=_recovers(word),
            since=since,
            seconds=None if end is None else max((end - since).total_seconds(), 0.0),
            possible=since <= first or _possible(before, word),
        )
        for (since, word), before, end in zip(points, words[:-1], ends, strict=True)
    )


def impossible_changes(timeline: Sequence[Span]) -> Iterator[Finding]:
    """Changes that no manager may make."""
    for before, after in pairwise(timeline):
        if not after.possible:
            yield Finding("impossible change", State.WARNING, f"{before.status} was followed by {after.status}")


def _kept(points: Sequence[Change]) -> list[Change]:
    """Those that don't only repeat the status before them."""
    kept: list[Change] = []
    for time, word in points:
        if not kept or shown_status(kept[-1][1]) != shown_status(word) or _recovers(kept[-1][1]) != _recovers(word):
            kept.append((time, word))
    return kept


def _recovers(word: str) -> bool:
    return word.strip().lower() == RECOVERING


def _beginning(row: SessionRow, told: Sequence[Change]) -> list[Change]:
    """What the row's own times tell of the time before the first change."""
    begun = [(row.created_at, Status.PENDING.value)]
    if told:
        return begun if told[0][0] > row.created_at else []
    return [*begun, (max(row.started_at, row.created_at), STARTED)] if row.started_at is not None else begun


def _as_ended(row: SessionRow, change: Change) -> Change:
    """An event tells that the session ended, only the row tells how."""
    time, word = change
    over = status_of(row.raw_status) is None or status_of(row.raw_status) in ENDED
    return (time, row.raw_status) if word == ENDING and over else change


def _end(row: SessionRow, told: Sequence[Change], now: datetime) -> Change:
    """The status that the row has: since its end, or from a time unknown to now."""
    status = status_of(row.raw_status)
    ended = row.ended_at if status in ENDED else None
    word = RECOVERING if status is Status.ACTIVE and is_recovering(row) else row.raw_status
    return latest(ended or now, row.started_at, *(time for time, _ in told)) or now, word


def _possible(before: str | None, after: str) -> bool:
    old, new = (status_of(before) if before else None), status_of(after)
    return old is None or new is None or may_follow(old, new)
