"""One vocabulary of statuses for the six that the service has grown, and which change may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from backends.bots.model import ENDED, SessionRow, Status, latest
from backends.bots.safe import shown

WORDS: Final[Mapping[Status, frozenset[str]]] = {
    Status.PENDING: frozenset({"pending", "requested"}),
    Status.STARTING: frozenset({"starting", "initializing", "spawning", "joining"}),
    Status.ACTIVE: frozenset({"active", "running", "recording", "processing", "degraded", "recovering", "resuming"}),
    Status.PAUSED: frozenset({"paused", "pausing"}),
    Status.STOPPING: frozenset({"stopping", "ending", "terminating"}),
    Status.COMPLETED: frozenset({"completed", "stopped", "terminated", "ended"}),
    Status.FAILED: frozenset({"failed", "error"}),
}
"""Every word that a manager, the API or the repository writes, by the status that it means."""

ENDED_WORDS: Final = tuple(sorted(word for status in ENDED for word in WORDS[status]))
"""Every word for a session that is over."""

_STATUS_OF: Final = {word: status for status, words in WORDS.items() for word in words}

NEXT: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.STARTING, Status.STOPPING, *ENDED}),
    Status.STARTING: frozenset({Status.ACTIVE, Status.STOPPING, *ENDED}),
    Status.ACTIVE: frozenset({Status.PAUSED, Status.STOPPING, *ENDED}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.STOPPING, *ENDED}),
    Status.STOPPING: ENDED,
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
}
"""What a status may be followed by. A restart is a new session, and recovering is a flag, not a status."""


def status_of(word: str) -> Status | None:
    """The status that a word of any vocabulary means; None for an unknown word.

    >>> [status_of(word) for word in ("Running", "ended", "exploded")]
    [<Status.ACTIVE: 'active'>, <Status.COMPLETED: 'completed'>, None]
    """
    return _STATUS_OF.get(word.strip().lower())


def shown_status(word: str) -> str:
    """The status' own word, or the unknown word, made safe.

    >>> shown_status("spawning"), shown_status("exploded")
    ('starting', 'exploded')
    """
    status = status_of(word)
    return shown(word) if status is None else status.value


def may_follow(before: Status, after: Status) -> bool:
    """Whether a session may go from one status to the other; staying is no change and always may be.

    >>> may_follow(Status.PAUSED, Status.ACTIVE), may_follow(Status.COMPLETED, Status.ACTIVE)
    (True, False)
    """
    return before is after or after in NEXT[before]


def way(before: Status, after: Status) -> tuple[Status, ...]:
    """The shortest way from one status to the other, without the first; only the other where no way leads there.

    >>> [status.value for status in way(Status.PENDING, Status.PAUSED)]
    ['starting', 'active', 'paused']
    >>> way(Status.COMPLETED, Status.ACTIVE), way(Status.ACTIVE, Status.ACTIVE)
    ((<Status.ACTIVE: 'active'>,), ())
    """
    ways: dict[Status, tuple[Status, ...]] = {before: ()}
    for status in (reached := [before]):
        for following in sorted(NEXT[status] - ways.keys(), key=lambda each: each.value):
            ways[following] = (*ways[status], following)
            reached.append(following)
    return ways.get(after, (after,))


def is_recovering(row: SessionRow) -> bool | None:
    """The flag, or the old vocabularies' word for it. None where the database has neither."""
    if row.raw_status.strip().lower() == "recovering":
        return True
    return row.recovering


def words_of_status(status: Status) -> list[str]:
    """Every vocabulary's words for the status.

    >>> words_of_status(Status.PENDING)
    ['pending', 'requested']
    """
    return sorted(WORDS[status])


def words_meaning(name: str, present: Iterable[str]) -> list[str]:
    """Those of the present words that are shown as the given status.

    >>> words_meaning("active", ["RUNNING", "ended", "active"])
    ['RUNNING', 'active']
    """
    return [word for word in present if shown_status(word) == name]


def live_words(present: Iterable[str]) -> list[str]:
    """Those of the present words whose sessions have not ended, unknown ones among them."""
    return [word for word in present if status_of(word) not in ENDED]


def counts_as_shown(raw: Mapping[str, int]) -> dict[str, int]:
    """Numbers of sessions by status as it is shown: all of the seven, then unknown words as themselves.

    >>> {status: n for status, n in counts_as_shown({"running": 2, "active": 1, "odd": 4}).items() if n}
    {'active': 3, 'odd': 4}
    """
    counts = {status.value: 0 for status in Status}
    for word, number in raw.items():
        name = shown_status(word)
        counts[name] = counts.get(name, 0) + number
    return counts


def in_state_since(row: SessionRow, changed_at: datetime | None) -> datetime | None:
    """When the session came into its status: its newest change event, or what its own columns tell."""
    status = status_of(row.raw_status)
    if status in ENDED:
        return latest(changed_at, row.ended_at)
    if status is Status.ACTIVE:
        return latest(changed_at, row.started_at)
    if status in {Status.PENDING, Status.STARTING}:
        return latest(changed_at, row.created_at)
    return changed_at
