"""Records of the database as rows of the model: where text, secrets and times are made safe."""

from __future__ import annotations

from typing import Any, Final, Protocol

from backends.bots.model import Activity, SessionRow, Speech
from backends.bots.safe import finite, json_object, json_words, shown, utc, words_of
from backends.bots.unmasking import reported
from backends.sampling.reading import utc_now

CHANGE_EVENTS: Final = (
    "status_change",
    "status_changed",
    "session_started",
    "session_ended",
    "recovery_started",
    "bot_recovered",
)
"""Types and names of events that say that a session's status changed."""


class Record(Protocol):
    """A row of an answer."""

    def __getitem__(self, column: str, /) -> Any:
        """The column's value."""
        ...


def session_row(record: Record) -> SessionRow:
    """A row of `sessions.sql`."""
    transcribes = record["transcribes"]
    return SessionRow(
        session_id=shown(record["session_id"]),
        bot_id=shown(record["bot_id"]),
        meeting_id=shown(record["meeting_id"]),
        title=reported(record["title"]),
        platform=shown(record["platform"]),
        raw_status=shown(record["status"]),
        recovering=record["recovering"],
        created_at=utc(record["created_at"]) or utc_now(),
        started_at=utc(record["started_at"]),
        ended_at=utc(record["ended_at"]),
        target_languages=json_words(record["target_languages"]),
        transcribes=transcribes is None or bool(transcribes),
        error=reported(record["error"]),
        version=record["version"] or "",
        extended_s=_seconds(json_object(record["metadata"]).get("extended_s")),
    )


def _seconds(value: object) -> float:
    """A length of time that stands in a JSON document; 0 where none does."""
    try:
        return max(finite(float(str(value))) or 0.0, 0.0)
    except ValueError:
        return 0.0


def speech(record: Record) -> Speech:
    """A row of `speech.sql`."""
    return Speech(
        int(record["lines"]), int(record["words"] or 0), utc(record["last_at"]), words_of(record["languages"])
    )


def activity(record: Record) -> Activity:
    """A row of `activity.sql`."""
    return Activity(int(record["events"]), int(record["errors"]), utc(record["last_at"]), utc(record["changed_at"]))
