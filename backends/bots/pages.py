"""Reads the parts of one session's page, each with its own small query; what this database lacks is None."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backends.bots.cursors import Cursor
from backends.bots.page import Event, Line, Participant, Tail, Translated
from backends.bots.queries import sql
from backends.bots.rows import CHANGE_EVENTS, Record
from backends.bots.safe import excerpt, finite, shown, utc
from backends.bots.shape import Shape
from backends.bots.timeline import Change, changed_to
from backends.bots.unmasking import name, said, told
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection

EVENTS_LIMIT: Final = 100
PARTICIPANTS_LIMIT: Final = 200
CHANGES_LIMIT: Final = 500
TRANSLATIONS_PER_LINE: Final = 10
"""Translations of a line that are read at most, on average over a page."""

NAME_LENGTH: Final = 4
"""Characters from which a participant's name is looked for in texts; a shorter one would be found in other words."""

PAGE_QUERIES: Final = ("events", "participants")
TAIL_QUERIES: Final = ("lines", "translated")


@dataclass(frozen=True, slots=True)
class Events:
    """The newest, the newest grave ones before them, and how many there are of each severity."""

    newest: tuple[Event, ...]
    more: bool = False
    grave: tuple[Event, ...] = ()
    severities: Mapping[str, int] = field(default_factory=dict)


async def read_events(
    connection: Connection, shape: Shape, id_: str, seen: bool, people: Sequence[str]
) -> Events | None:
    """A session's events, newest first. people: names that are looked for in their data."""
    if not shape.has("events"):
        return None
    records = await connection.fetch(sql("events"), id_, EVENTS_LIMIT + 1)
    found = tuple(_event(record, seen, people) for record in records[:EVENTS_LIMIT])
    if len(records) <= EVENTS_LIMIT:
        return Events(found, severities=Counter(event.severity.lower() for event in found))
    held = {event.event_id for event in found}
    grave = await connection.fetch(sql("grave_events"), id_, EVENTS_LIMIT)
    counts = await connection.fetch(sql("severities"), id_)
    before = tuple(_event(record, seen, people) for record in grave if record["event_id"] not in held)
    return Events(found, True, before, {shown(record["severity"]): int(record["events"]) for record in counts})


async def read_changes(connection: Connection, shape: Shape, id_: str) -> list[Change]:
    """When the session came into which status, as far as its events tell."""
    if not shape.has("events"):
        return []
    records = await connection.fetch(sql("changes"), id_, list(CHANGE_EVENTS), CHANGES_LIMIT)
    words = [(utc(record["at"]), changed_to(record["name"], record["data"])) for record in records]
    return [(at, shown(word)) for at, word in words if at is not None and word]


async def read_participants(
    connection: Connection, shape: Shape, id_: str, seen: bool
) -> tuple[tuple[Participant, ...] | None, tuple[str, ...]]:
    """The first participants, one more than PARTICIPANTS_LIMIT where there are more, and their names as they are."""
    if not shape.has("participants"):
        return None, ()
    records = await connection.fetch(sql("participants"), id_, PARTICIPANTS_LIMIT + 1)
    names = {record["name"] for record in records if len(record["name"] or "") >= NAME_LENGTH}
    return tuple(_participant(record, seen) for record in records), tuple(sorted(names, key=len, reverse=True))


async def read_tail(
    connection: Connection, shape: Shape, id_: str, limit: int, before: Cursor | None, seen: bool
) -> Tail:
    """Lines with their translations, newest first, older than the cursor; lines without a time come last."""
    missing = shape.missing_for(*TAIL_QUERIES)
    if not shape.has("lines"):
        return Tail((), None, missing)
    records = await _line_records(connection, id_, limit + 1, before)
    lines = await _lines(connection, shape, records[:limit], seen)
    more = str(Cursor(lines[-1].at, lines[-1].transcript_id)) if len(records) > limit else None
    return Tail(lines, more, missing)


async def read_lines_since(
    connection: Connection, shape: Shape, id_: str, since: Cursor | None, limit: int, seen: bool
) -> tuple[Line, ...]:
    """The newest lines that have a time, from the cursor on."""
    place = (since.time, since.id) if since else (None, None)
    return await _lines(connection, shape, await connection.fetch(sql("lines_since"), id_, *place, limit), seen)


async def count_lines(connection: Connection, id_: str, since: Cursor | None, limit: int) -> int:
    """Lines from the cursor on, up to the limit."""
    place = (since.time, since.id) if since else (None, None)
    return int(await connection.fetchval(sql("lines_count"), id_, *place, limit))


async def _lines(connection: Connection, shape: Shape, records: Sequence[Record], seen: bool) -> tuple[Line, ...]:
    translated = await _translations(connection, shape, [record["transcript_id"] for record in records], seen)
    return tuple(_line(record, tuple(translated.get(record["transcript_id"], ())), seen) for record in records)


async def _line_records(connection: Connection, id_: str, limit: int, before: Cursor | None) -> list[Any]:
    records: list[Any] = []
    if before is None or before.time is not None:
        place = (before.time, before.id) if before else (None, None)
        records += await connection.fetch(sql("lines"), id_, *place, limit)
    if len(records) < limit:
        last = before.id if before is not None and before.time is None else None
        records += await connection.fetch(sql("lines_untimed"), id_, last, limit - len(records))
    return records


async def _translations(
    connection: Connection, shape: Shape, ids: Sequence[str], seen: bool
) -> dict[str, list[Translated]]:
    if not ids or not shape.has("translated"):
        return {}
    found: dict[str, list[Translated]] = {}
    for record in await connection.fetch(sql("translated"), ids, TRANSLATIONS_PER_LINE * len(ids)):
        text = excerpt(said(record["text"], seen), record["length"])
        found.setdefault(record["transcript_id"], []).append(Translated(shown(record["language"]), text))
    return found


def _line(record: Record, translations: tuple[Translated, ...], seen: bool) -> Line:
    return Line(
        transcript_id=record["transcript_id"],
        at=utc(record["at"]),
        speaker=name(record["speaker"], seen) or shown(record["speaker_id"]),
        language=shown(record["language"]),
        text=excerpt(said(record["text"], seen), record["length"]),
        confidence=finite(record["confidence"]),
        source=shown(record["source"]),
        translations=translations,
    )


def _event(record: Record, seen: bool, people: Sequence[str]) -> Event:
    return Event(
        event_id=record["event_id"],
        at=utc(record["at"]) or utc_now(),
        type=shown(record["type"]),
        name=said(record["name"], seen),
        severity=shown(record["severity"]),
        source=shown(record["source"]),
        data=told(record["data"], seen, people),
    )


def _participant(record: Record, seen: bool) -> Participant:
    return Participant(
        participant_id=record["participant_id"],
        name=name(record["name"], seen),
        email=said(record["email"], seen),
        speaker_id=shown(record["speaker_id"]),
        joined_at=utc(record["joined_at"]),
        left_at=utc(record["left_at"]),
        speaking_time=finite(record["speaking_time"]),
        word_count=record["word_count"],
    )
