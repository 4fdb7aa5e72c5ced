"""The scan of one reference: merged, looked up apart where it must be, counted, and settled in the history."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from functools import partial
from typing import Any, Final

from backends.clients.errors import BackendError, BadAnswer
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans import streams
from backends.orphans.exemptions import Exempt, asked_for
from backends.orphans.graph import BUSY, OTHER_CONTENT_NAME, Parent, Reference
from backends.orphans.history import History, Row, Stage
from backends.orphans.merge import Merge, OrderedParents
from backends.orphans.model import ParentState, ReferenceScan
from backends.orphans.values import folded_id, json_of, text_of

PROBES: Final = 20
"""Single look-ups of a parent that are timed in each scan: enough for a 95th percentile, cheap anywhere."""

LOOK_UP: Final = 100
"""Ids in one list of a look-up: longer lists cost more than they save on some servers."""

LOOK_UP_MS: Final = 5_000

Progress = Callable[[Reference, int], Awaitable[None]]


async def scan_reference(
    mongo: MongoClients,
    history: History,
    reference: Reference,
    exempt: Exempt,
    now: Callable[[], datetime],
    progress: Progress,
) -> ReferenceScan:
    """Scans one reference and makes what it found the history's. Raises BackendError; the history is as before then.

    progress is called with the documents read so far.
    """
    started = time.perf_counter()
    await _refuse_empty_parent(mongo, reference)
    stage = await asyncio.to_thread(history.stage)
    try:
        merge, probes = await _merge(mongo, reference, stage, progress)
        await _look_up_apart(mongo, reference.parent, stage)
        p95_ms = await _timed_look_ups(mongo, reference.parent, probes)
        counts = await asyncio.to_thread(stage.settle, reference.key, now())
        await _note_what_stays(mongo, reference, exempt, stage)
        kept = await asyncio.to_thread(stage.kept, reference.key, now())
    finally:
        await asyncio.to_thread(stage.close)
    return _result(reference, merge, counts, kept, p95_ms, time.perf_counter() - started)


async def _merge(
    mongo: MongoClients, reference: Reference, stage: Stage, progress: Progress
) -> tuple[Merge, Sequence[str]]:
    parent, probes = reference.parent, deque[str](maxlen=PROBES)
    async with AsyncExitStack() as stack:
        every = await stack.enter_async_context(aclosing(streams.parents(mongo, parent)))
        marked = await stack.enter_async_context(aclosing(streams.marked_parents(mongo, parent)))
        children = await stack.enter_async_context(aclosing(streams.references(mongo, reference)))
        merge = Merge(
            OrderedParents(parent.collection, every, parent.by_object_id),
            OrderedParents(parent.collection, marked, parent.by_object_id),
            parent.mark,
            parent.by_object_id,
            reference.required,
        )
        async for values in children:
            found = await merge.judge(values)
            await asyncio.to_thread(stage.add, found)
            probes.extend(_probes(values, parent))
            await progress(reference, merge.documents)
        await merge.finish()
    if not merge.parents.read and merge.documents > merge.unset:
        raise _empty(parent)
    return merge, probes


def _probes(values: Sequence[object], parent: Parent) -> Iterator[str]:
    """A few references, spread over the list, that a look-up can be timed with."""
    for value in values[:: max(len(values) // PROBES, 1)]:
        key = folded_id(value) if parent.by_object_id else value
        if isinstance(key, str) and key:
            yield key


async def _look_up_apart(mongo: MongoClients, parent: Parent, stage: Stage) -> None:
    """Judges the ids in other spellings, which the order of the merge has no place for."""
    after = ("", "")
    while rows := await asyncio.to_thread(stage.apart, after, LOOK_UP):
        marks = await _marks(mongo, parent, {row["parent"] for row in rows})
        judged = [(row["value"], row["type"], *_judged(parent, marks.get(row["parent"]))) for row in rows]
        await asyncio.to_thread(stage.decide, judged)
        after = (rows[-1]["value"], rows[-1]["type"])


async def _marks(mongo: MongoClients, parent: Parent, ids: set[str]) -> dict[str, Any]:
    """The marks of those of the ids that exist: a time, any value where the mark is no time, False for none."""
    from bson import ObjectId

    async with mongo.reading(parent.role) as database:
        filter_ = {"_id": {"$in": [ObjectId(each) for each in ids]}}
        cursor = database[parent.collection].find(filter_, {"_id": 1, parent.marked_by: 1}, max_time_ms=LOOK_UP_MS)
        documents = await cursor.to_list(LOOK_UP)
    return {str(each["_id"]): _mark(each, parent.marked_by) for each in documents}


def _mark(document: dict[str, Any], name: str) -> Any:
    value = document.get(name)
    return False if value is None else value


def _judged(parent: Parent, mark: Any) -> tuple[ParentState, datetime | None]:
    if mark is None:
        return ParentState.GONE, None
    if mark is False:
        return ParentState.ALIVE, None
    return parent.mark, mark if isinstance(mark, datetime) else None


async def _timed_look_ups(mongo: MongoClients, parent: Parent, keys: Sequence[str]) -> float | None:
    """The 95th percentile in milliseconds of looking up each of the keys; None where there are none."""
    from bson import ObjectId

    took = []
    async with mongo.reading(parent.role) as database:
        for key in keys:
            started = time.perf_counter()
            wanted: Any = ObjectId(key) if parent.by_object_id else key
            await database[parent.collection].find_one({parent.key: wanted}, {"_id": 1}, max_time_ms=LOOK_UP_MS)
            took.append((time.perf_counter() - started) * 1000)
    return p95(took)


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile by nearest rank.

    >>> p95([]), p95([3.0]), p95([float(n) for n in range(1, 21)])
    (None, 3.0, 19.0)
    """
    return sorted(values)[max(-(-len(values) * 95 // 100) - 1, 0)] if values else None


async def _note_what_stays(mongo: MongoClients, reference: Reference, exempt: Exempt, stage: Stage) -> None:
    """Notes the documents that are exempt, and the sessions in use: they are not removable."""
    await asyncio.to_thread(stage.spare, exempt.parents)
    if reference.holds_sessions:
        await _note(mongo, reference, {"status": {"$in": list(BUSY)}}, stage, busy=True)
    for exemption, query in exempt.queries:
        with asked_for(exemption):
            await _note(mongo, reference, query, stage, exempt=True)


async def _note(
    mongo: MongoClients, reference: Reference, filter_: Mapping[str, Any], stage: Stage, **why: bool
) -> None:
    async with aclosing(streams.documents(mongo, reference, filter_)) as lists:
        async for found in lists:
            documents = [(json_of(id_), *text_of(value)) for id_, value in found]
            await asyncio.to_thread(partial(stage.note, documents, **why))


async def _refuse_empty_parent(mongo: MongoClients, reference: Reference) -> None:
    """Raises BadAnswer where the parent collection is empty and something may refer to it."""
    parent = reference.parent
    if await _holds_any(mongo, parent.role, parent.collection):
        return
    if not await _holds_any(mongo, Role.OLORIN, reference.collection, {reference.field: {"$ne": None}}):
        return
    other = OTHER_CONTENT_NAME.get(parent.collection)
    raise _empty(parent, other if other and await _holds_any(mongo, parent.role, other) else None)


async def _holds_any(mongo: MongoClients, role: Role, name: str, filter_: dict[str, Any] | None = None) -> bool:
    async with mongo.reading(role) as database:
        return await database[name].find_one(filter_ or {}, {"_id": 1}, max_time_ms=LOOK_UP_MS) is not None


def _empty(parent: Parent, other: str | None = None) -> BackendError:
    said = f", but {other} holds documents" if other else ""
    about_content = parent.by_object_id and parent.collection != "live_channels"
    hint = "Is BAYIT_CONTENT_COLLECTION right?" if about_content else "Is this the right database?"
    return BadAnswer(f"{parent.collection} is empty{said}: an empty parent collection makes no orphans.", hint=hint)


def _result(
    reference: Reference, merge: Merge, counts: Row, kept: Row, p95_ms: float | None, duration_s: float
) -> ReferenceScan:
    return ReferenceScan(
        reference.collection,
        reference.field,
        reference.parent.collection,
        documents=merge.documents,
        **counts,
        exempt=kept["exempt"],
        removable=max(counts["orphans"] - counts["in_grace"] - kept["kept"], 0),
        p95_ms=p95_ms,
        duration_s=duration_s,
        unset=merge.unset,
        parents=merge.parents.read,
    )
