"""The dry run: both sides read side by side, what would be copied, and what the models reject. Only reads."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backends.backup.mongo_dump import Tell
from backends.clients.errors import CannotConnect, DeadlineExceeded
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin import gates, indexes
from backends.migrations.olorin.documents import why_rejected
from backends.migrations.olorin.merge import Kind, Pair, merged
from backends.migrations.olorin.model import CollectionPlan, DryRun, GateState, Light, Rejected
from backends.migrations.olorin.places import Places, indexes_at, kinds_of
from backends.migrations.olorin.raw import Value, made_of
from backends.migrations.olorin.streams import in_order
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

BATCH_DOCUMENTS: Final = 1000
BATCH_BYTES: Final = 8 * 1024 * 1024

LISTED: Final = 1000
"""Documents that are listed of those that are counted."""

FASTER: Final = 2.0
SLOWER: Final = 10.0
"""How many times longer than reading both sides copying takes, at least and at most."""

Switched = Callable[[Places], Awaitable[str]]
"""Says when a switch was recorded, "" for never."""

Save = Callable[[Mapping[str, object]], str]
"""Keeps a plan's body and says its hash."""


@dataclass(slots=True)
class Rejects:
    """Documents that the models would reject: all of them counted, the first of them listed."""

    count: int = 0
    listed: list[Rejected] = field(default_factory=list)

    def look(self, collection: str, document: bytes) -> None:
        """Counts the document in if it would be rejected."""
        decoded = decode(document)
        why = why_rejected(collection, decoded)
        if why:
            self.count += 1
            if len(self.listed) < LISTED:
                self.listed.append(Rejected(collection, display_text(decoded.get("_id"), 80), why))


@dataclass(slots=True)
class _Tally:
    source: int = 0
    target: int = 0
    to_copy: int = 0
    extra: int = 0
    bytes: int = 0
    batches: int = 0
    _documents: int = 0
    _bytes: int = 0

    def add(self, pair: Pair) -> None:
        self.source += pair.source is not None
        self.target += pair.target is not None
        self.extra += pair.source is None
        if pair.source is not None and pair.kind is not Kind.SAME:
            self._copy(len(pair.source.data))

    def _copy(self, size: int) -> None:
        self.to_copy += 1
        self.bytes += size
        if not self._documents or self._documents == BATCH_DOCUMENTS or self._bytes + size > BATCH_BYTES:
            self.batches += 1
            self._documents = self._bytes = 0
        self._documents += 1
        self._bytes += size


async def dry_run(places: Places, switched: Switched, save: Save, tell: Tell) -> DryRun:
    """What an execution would do. switched: says when a switch was recorded. Raises BackendError."""
    try:
        found = await gates.place_gates(places, await switched(places))
    except (CannotConnect, DeadlineExceeded) as error:
        if error.where != places.target.where:
            raise
        unreachable = (GateState("reachable", Light.RED, f"the target: {error.message}"),)
        return DryRun("", places.source.where, places.target.where, unreachable, (), (0.0, 0.0), 0, ())
    if found[0].status is Light.RED:
        return DryRun("", places.source.where, places.target.where, tuple(found), (), (0.0, 0.0), 0, ())
    rejects, began = Rejects(), time.monotonic()
    collections = await _collections(places, rejects, tell)
    read_s = time.monotonic() - began
    found.append(await gates.disk_gate(places, sum(each.bytes for each in collections)))
    found += [gates.difference_gate(collections), gates.models_gate(rejects.count)]
    read = sum(each.source + each.target for each in collections)
    return DryRun(
        save(plan_body(places, collections)),
        places.source.where,
        places.target.where,
        tuple(found),
        tuple(collections),
        _seconds(sum(each.to_copy for each in collections), read, read_s),
        rejects.count,
        tuple(rejects.listed),
    )


def plan_body(places: Places, collections: Sequence[CollectionPlan]) -> Mapping[str, object]:
    """What the plan's hash is of."""
    return {"source": places.source.where, "collections": collections}


def decode(document: bytes) -> Mapping[str, Any]:
    """The document's values, with those that don't decode replaced."""
    from bson import decode as bson_decode
    from bson.codec_options import CodecOptions, DatetimeConversion

    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True,
        unicode_decode_error_handler="replace",
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    )
    return bson_decode(document, options)


def id_json(id_: Value) -> str:
    """An `_id` as canonical extended JSON, which names its type."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    return dumps(decode(made_of([(b"v", id_)]))["v"], json_options=CANONICAL_JSON_OPTIONS)


async def _collections(places: Places, rejects: Rejects, tell: Tell) -> list[CollectionPlan]:
    async with places.reading_source() as source, places.reading_target() as target:
        here, there = await kinds_of(source), await kinds_of(target)
        found = []
        for name in OLORIN_COLLECTIONS:
            mine = await indexes_at(source, name, name in here)
            other = await indexes_at(target, name, name in there)
            tally = await _tally(source, target, name, rejects, tell)
            found.append(_planned(name, tally, tuple(each.text for each in indexes.differences(mine, other))))
        return found


async def _tally(source: ReadingDatabase, target: ReadingDatabase, name: str, rejects: Rejects, tell: Tell) -> _Tally:
    tally = _Tally()
    async for pairs in merged(in_order(source[name]), in_order(target[name])):
        for pair in pairs:
            tally.add(pair)
            if pair.source is not None:
                rejects.look(name, pair.source.data)
        tell(name, tally.source)
    return tally


def _planned(name: str, tally: _Tally, wanted: tuple[str, ...]) -> CollectionPlan:
    return CollectionPlan(
        name, tally.source, tally.target, tally.to_copy, tally.extra, tally.bytes, wanted, tally.batches
    )


def _seconds(to_copy: int, read: int, read_s: float) -> tuple[float, float]:
    """The least and the most that copying takes, judged by what reading took."""
    each_s = read_s / read if read else 0.0
    return to_copy * each_s * FASTER, to_copy * each_s * SLOWER
