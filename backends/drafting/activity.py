"""What was done, without a word of text: events with counts and durations, in the state folder and nowhere else.

The file is JSON lines: one event each, the counters of those that were dropped in the first line.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from backends.safety.files import locked, private_folder, write_atomically

KEPT_EVENTS: Final = 1_000
EXPORTED_EVENTS: Final = 100
SLOW_CALL_S: Final = 1.0
"""Seconds from which on a call to the model counts as slow."""

AUTOSAVE: Final = "autosave"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done, at that time (UTC).

    words are in the draft or the answer, changed those that came or went. calls are the requests made to the model,
    seconds what they took together (None where none was made), slow how many of them were slow. cached: an earlier
    answer did; missed: none was there, though one would have done.
    """

    at: datetime
    type: str
    project: str = ""
    words: int = 0
    changed: int = 0
    lane: str = ""
    use_ai: bool = False
    calls: int = 0
    slow: int = 0
    cached: bool = False
    missed: bool = False
    ok: bool = True
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """The monitor's sums since the state folder was made; ai_seconds belongs to ai_calls."""

    ai_calls: int = 0
    ai_seconds: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0
    autosaves: int = 0
    slow_calls: int = 0

    def counting(self, event: Event) -> Counters:
        """The sums with one more event."""
        return Counters(
            self.ai_calls + event.calls,
            self.ai_seconds + (event.seconds or 0.0),
            self.cache_hits + event.cached,
            self.cache_misses + event.missed,
            self.autosaves + (event.type == AUTOSAVE),
            self.slow_calls + event.slow,
        )

    @property
    def average_s(self) -> float | None:
        """Seconds of a call; None where none was made."""
        return self.ai_seconds / self.ai_calls if self.ai_calls else None

    @property
    def hit_ratio(self) -> float | None:
        """The share of answers from the cache, of those for which one would have done; None where there were none."""
        asked = self.cache_hits + self.cache_misses
        return self.cache_hits / asked if asked else None


@dataclass(frozen=True, slots=True)
class History:
    """The events that are kept, oldest first, and the sums over all that ever were."""

    events: tuple[Event, ...] = ()
    counters: Counters = field(default_factory=Counters)


class Activity:
    """The record of one state folder. Every method blocks a little; none fails an action: what can't be written is
    logged. off: nothing is written."""

    def __init__(self, folder: Path, *, off: bool = False) -> None:
        self.off = off
        self.session: list[Event] = []
        self._folder = folder
        self._file = folder / "activity.jsonl"

    def record(self, event: Event) -> None:
        """Adds an event."""
        _log.info("%s", json.dumps(_line_of(event)))
        if event.slow:
            _log.warning("slow call: %s took %.1f s in %d requests", event.type, event.seconds, event.calls)
        if self.off:
            return
        self.session.append(event)
        try:
            with locked(private_folder(self._folder) / "activity.lock", 0.2):
                self._append(event)
        except (OSError, TimeoutError) as error:
            _log.warning("an event could not be recorded: %s", error)

    def read(self) -> History:
        """What is there. Raises OSError."""
        try:
            return history(self._file.read_bytes().splitlines())
        except FileNotFoundError:
            return History()

    def _append(self, event: Event) -> None:
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, json.dumps(_line_of(event)).encode("ascii") + b"\n")
            size = os.fstat(handle).st_size
        finally:
            os.close(handle)
        if size > 2 * KEPT_EVENTS * 250:
            self._compact()

    def _compact(self) -> None:
        kept = self.read()
        events = [event for event in kept.events if event.type != AUTOSAVE][-KEPT_EVENTS:]
        # The first line holds what the events after it don't count.
        base = _without(kept.counters, events)
        lines = [json.dumps({"base": asdict(base)}), *(json.dumps(_line_of(event)) for event in events)]
        write_atomically(self._file, "\n".join([*lines, ""]).encode("ascii"))


def history(lines: Iterable[bytes]) -> History:
    """What the lines say; those that say nothing sensible count for nothing."""
    events: list[Event] = []
    counters = Counters()
    for line in lines:
        record = _parsed(line)
        base = record.get("base")
        if isinstance(base, dict):
            counters = Counters(**{each.name: base.get(each.name, 0) for each in fields(Counters)})
        elif (event := _event(record)) is not None:
            events.append(event)
            counters = counters.counting(event)
    return History(tuple(events), counters)


def by_type(events: Sequence[Event]) -> dict[str, int]:
    """How many events of each type."""
    return dict(Counter(event.type for event in events))


def _without(counters: Counters, events: Iterable[Event]) -> Counters:
    counted = Counters()
    for event in events:
        counted = counted.counting(event)
    return Counters(**{f.name: getattr(counters, f.name) - getattr(counted, f.name) for f in fields(Counters)})


def _line_of(event: Event) -> dict[str, Any]:
    return {**asdict(event), "at": event.at.isoformat()}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _event(record: dict[str, Any]) -> Event | None:
    try:
        known = {each.name: record[each.name] for each in fields(Event) if each.name in record}
        return Event(**{**known, "at": datetime.fromisoformat(record["at"]).astimezone(UTC)})
    except (ValueError, TypeError, LookupError):
        return None
