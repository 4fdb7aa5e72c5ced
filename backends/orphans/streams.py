"""What a scan reads: each side as one long cursor in ascending order, covered by its index, fetched in lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from backends.clients.deadlines import answer_within
from backends.clients.mongo import MongoClients
from backends.clients.read_only import ReadingCollection
from backends.clients.targets import Role
from backends.orphans.graph import Parent, Reference
from backends.orphans.merge import KeyList

T = TypeVar("T")

LIST: Final = 5_000
"""Documents fetched at a time: a few hundred kilobytes of ids."""

FETCH_S: Final = 60.0
"""Seconds for one list: a server that sorts before it answers needs them for the first one."""

CLOSE_S: Final = 1.0
"""Seconds for telling a server that a cursor isn't needed any more; one that is gone can't be told."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a collection: the field that is read, in its order or (ordered False) in any."""

    role: Role
    collection: str
    field: str
    filter: Mapping[str, Any]
    beside: str = ""
    ordered: bool = True

    @property
    def projection(self) -> dict[str, int]:
        """The fields asked for; with the field alone, its index covers the pass."""
        wanted = {self.field: 1, self.beside: 1} if self.beside else {self.field: 1}
        return wanted if self.field == "_id" else {**wanted, "_id": 0}


def references(mongo: MongoClients, reference: Reference) -> AsyncGenerator[list[object], None]:
    """The values of the reference in ascending order, None where it is missing. Iterating raises BackendError."""
    every = Pass(Role.OLORIN, reference.collection, reference.field, {})
    return _lists(mongo, every, lambda batch: [document.get(reference.field) for document in batch])


def documents(
    mongo: MongoClients, reference: Reference, filter_: Mapping[str, Any]
) -> AsyncGenerator[list[tuple[object, object]], None]:
    """(_id, value of the reference) of the documents that the filter finds, in any order. Raises BackendError."""
    found = Pass(Role.OLORIN, reference.collection, "_id", filter_, beside=reference.field, ordered=False)
    return _lists(mongo, found, lambda batch: [(each["_id"], each.get(reference.field)) for each in batch])


def parents(mongo: MongoClients, parent: Parent) -> AsyncGenerator[KeyList, None]:
    """The keys of every parent in ascending order. Iterating raises BackendError."""
    every = Pass(parent.role, parent.collection, parent.key, {})
    return _lists(mongo, every, lambda batch: KeyList([each.get(parent.key) for each in batch], (True,) * len(batch)))


def marked_parents(mongo: MongoClients, parent: Parent) -> AsyncGenerator[KeyList, None]:
    """The keys of the soft-deleted or suspended parents in ascending order, with when they became so.

    They are read apart, since asking every parent for its mark would fetch whole documents; so does a server without
    an index on the mark, which the platform has where soft delete is on. Iterating raises BackendError.
    """
    mark = parent.marked_by
    marked = Pass(parent.role, parent.collection, parent.key, {mark: {"$ne": None}}, beside=mark)
    return _lists(
        mongo,
        marked,
        lambda batch: KeyList(
            [each.get(parent.key) for each in batch], [_time_or_true(each.get(mark)) for each in batch]
        ),
    )


async def _lists(
    mongo: MongoClients, wanted: Pass, picked: Callable[[list[dict[str, Any]]], T]
) -> AsyncGenerator[T, None]:
    async with mongo.reading(wanted.role) as database:
        cursor = await _cursor(database[wanted.collection], wanted)
        # The server finds the next list while this one is judged.
        ahead = asyncio.ensure_future(_next_list(cursor))
        try:
            while batch := await ahead:
                ahead = asyncio.ensure_future(_next_list(cursor))
                yield picked(batch)
        finally:
            ahead.cancel()
            await asyncio.wait({ahead})
            with answer_within(CLOSE_S):
                await cursor.close()


async def _cursor(collection: ReadingCollection, wanted: Pass) -> Any:
    cursor = collection.find(wanted.filter, wanted.projection, batch_size=LIST)
    if not wanted.ordered:
        return cursor
    hint = await _index_on(collection, wanted.field) if not wanted.filter else None
    # Without an index the server sorts, on disk if it must, instead of failing at its memory limit.
    cursor = cursor.hint(hint) if hint is not None else cursor.allow_disk_use(True)
    return cursor.sort(wanted.field, 1)


async def _next_list(cursor: Any) -> list[dict[str, Any]]:
    with answer_within(FETCH_S):
        batch: list[dict[str, Any]] = await cursor.to_list(LIST)
    return batch


_NOT_EVERY_DOCUMENT: Final = frozenset({"sparse", "partialFilterExpression", "collation", "hidden"})
"""What makes an index useless for passing over everything in binary order."""


async def _index_on(collection: ReadingCollection, name: str) -> str | None:
    """The index that begins with the field and holds every document, the shortest; None where there is none."""
    if name == "_id":
        return "_id_"
    indexes = await collection.index_information()
    leading = {
        index: len(about["key"])
        for index, about in indexes.items()
        if about["key"][0][0] == name and about["key"][0][1] in (1, -1) and not _NOT_EVERY_DOCUMENT & set(about)
    }
    return min(leading, key=lambda index: leading[index], default=None)


def _time_or_true(mark: object) -> datetime | bool:
    return mark if isinstance(mark, datetime) else True
