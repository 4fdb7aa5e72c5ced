"""A session's statuses in time, from the events that changed them, else from its own columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from backends.bots.model import ENDED, Finding, SessionRow, Status
from backends.bots.page import Span
from backends.bots.safe import json_value
from backends.bots.status import may_follow, shown_status, status_of
from backends.sampling.state import State

Change = tuple[datetime, str]
"""When a session came into a status, and the word for it."""

_STATUS_FIELDS = ("to", "to_status", "new_status", "status")
_BY_NAME = {"session_started": Status.ACTIVE.value, "session_ended": Status.COMPLETED.value}


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
    """The statuses one after another. changes are (time, word) in any order; none: the row's own times tell."""
    points = _in_order([*_beginning(row, changes), *changes] if changes else _from_columns(row, now))
    ends = [*(time for time, _ in points[1:]), None if status_of(points[-1][1]) in ENDED else now]
    words = [None, *(word for _, word in points)]
    return tuple(
        Span(
            status=shown_status(word),
            recovering=word.strip().lower() == "recovering",
            since=since,
            seconds=None if end is None else max((end - since).total_seconds(), 0.0),
            possible=not changes or _possible(before, word),
        )
        for (since, word), before, end in zip(points, words[:-1], ends, strict=True)
    )


def impossible_changes(timeline: Sequence[Span]) -> Iterator[Finding]:
    """Changes that no manager may make."""
    for before, after in pairwise(timeline):
        if not after.possible:
            yield Finding("impossible change", State.WARNING, f"{before.status} was followed by {after.status}")


def _in_order(points: Sequence[Change]) -> list[Change]:
    """The points in order, repetitions of a word left out."""
    kept: list[Change] = []
    for time, word in sorted(points, key=lambda point: point[0]):
        if not kept or kept[-1][1] != word:
            kept.append((time, word))
    return kept


def _beginning(row: SessionRow, changes: Sequence[Change]) -> list[Change]:
    """The time before the first change, where pending may have been what went before."""
    first_at, first = min(changes)
    waited = first_at > row.created_at and _possible(Status.PENDING.value, first)
    return [(row.created_at, Status.PENDING.value)] if waited else []


def _from_columns(row: SessionRow, now: datetime) -> list[Change]:
    """What the row's own times tell; a status that came at a time unknown stands at the end, where it is true."""
    status, points = status_of(row.raw_status), [(row.created_at, Status.PENDING.value)]
    if row.started_at is not None:
        points.append((row.started_at, Status.ACTIVE.value))
    if status in ENDED:
        return [*points, (row.ended_at or now, row.raw_status)]
    return (
        points
        if status_of(points[-1][1]) is status
        else [*points, (max(now, *(at for at, _ in points)), row.raw_status)]
    )


def _possible(before: str | None, after: str) -> bool:
    old, new = (status_of(before) if before else None), status_of(after)
    return old is None or new is None or may_follow(old, new)
