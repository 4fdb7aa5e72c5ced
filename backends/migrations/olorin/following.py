"""Following the source: which documents changed, in which order; each is read again as it is when it is applied."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import Refused
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.order import SortKey, sort_key
from backends.migrations.olorin.planning import BATCH_BYTES
from backends.migrations.olorin.putting import Group
from backends.migrations.olorin.raw import Value, id_of
from backends.migrations.olorin.streams import Entry, by_ids

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument

    from backends.clients.read_only import ReadingDatabase

STAGES: Final[Sequence[Mapping[str, Any]]] = (
    {
        "$match": {
            "$or": [
                {"ns.coll": {"$in": list(OLORIN_COLLECTIONS)}},
                {"operationType": {"$in": ["dropDatabase", "invalidate"]}},
            ]
        }
    },
    # Keys only: what a document is now is read when it is applied, and large events stay small.
    {"$project": {"operationType": 1, "ns": 1, "documentKey": 1, "wallTime": 1}},
)

_CHANGES: Final = frozenset({"insert", "update", "replace", "delete"})
_GONE: Final = frozenset({"drop", "rename", "dropDatabase", "invalidate"})


@dataclass(frozen=True, slots=True)
class Changes:
    """Documents that changed: by collection their ids, each once. events: how many told so."""

    ids: Mapping[str, Sequence[Value]]
    events: int


class CollectionGone(Refused):
    """A collection of the source, or all of it, was changed as a whole. collection: its name, "" for the database."""

    def __init__(self, collection: str, what: str) -> None:
        hint = (
            "Nothing was removed from the target. Put the collection back and execute again: both sides are compared "
            "as a whole then, and what only the target has is set aside. Or begin anew: --dry-run, --execute --plan."
        )
        super().__init__(f"The source's {collection or 'database'} was changed as a whole ({what}).", hint=hint)
        self.collection = collection


def changes_of(events: Iterable[RawBSONDocument]) -> Changes:
    """The documents that the events are about. Raises CollectionGone: a person has to look."""
    ids: dict[str, dict[Value, None]] = {}
    count = 0
    for event in events:
        what, name = event["operationType"], event.get("ns", {}).get("coll", "")
        if what in _GONE:
            raise CollectionGone(name, what)
        if what in _CHANGES:
            id_ = id_of(event["documentKey"].raw)
            # Last seen, last applied.
            ids.setdefault(name, {}).pop(id_, None)
            ids[name][id_] = None
            count += 1
    return Changes({name: list(each) for name, each in ids.items()}, count)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the target is behind. read_at: when the events were read (monotonic seconds); drained: no more waited.

    ahead_s: seconds by which the server's clock is ahead of this one.
    """

    read_at: float
    events: Sequence[RawBSONDocument]
    drained: bool
    ahead_s: float

    @property
    def seconds(self) -> float:
        """Seconds, now; where more events wait, the age of the newest that was read."""
        waited_s = time.monotonic() - self.read_at if self.events else 0.0
        happened: datetime | None = self.events[-1].get("wallTime") if self.events and not self.drained else None
        if happened is None:
            return waited_s
        return max(waited_s, time.time() + self.ahead_s - happened.replace(tzinfo=UTC).timestamp())


async def ahead_s(database: ReadingDatabase) -> float:
    """Seconds by which the server's clock is ahead of this one. Raises BackendError."""
    told: datetime | None = (await database.command("hello")).get("localTime")
    return told.replace(tzinfo=UTC).timestamp() - time.time() if told is not None else 0.0


async def current(source: ReadingDatabase, name: str, ids: Sequence[Value]) -> AsyncIterator[Group]:
    """These documents as they are now, or gone, in groups of eight megabytes. Raises BackendError."""
    entries: list[Entry] = []
    size = 0
    seen: set[SortKey] = set()
    async for found in by_ids(source[name], ids):
        for entry in found:
            # Two ids that are equal to the server, such as 7 and 7.0, may name the same document.
            if entry.key in seen:
                continue
            if entries and size + len(entry.data) > BATCH_BYTES:
                yield Group(name, entries)
                entries, size = [], 0
            entries.append(entry)
            size += len(entry.data)
            seen.add(entry.key)
    yield Group(name, entries, _gone(ids, seen))


def _gone(ids: Sequence[Value], seen: set[SortKey]) -> list[Value]:
    return [id_ for id_ in ids if sort_key(id_) not in seen]
