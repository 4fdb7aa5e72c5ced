"""Collections read in the order of `_id`, undecoded, one batch in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backends.backup.bson_files import documents
from backends.clients.deadlines import answer_within
from backends.clients.errors import BadAnswer
from backends.migrations.olorin.order import PLACES, SortKey, after, sort_key
from backends.migrations.olorin.raw import OBJECT_ID, Value, id_of, is_one_of

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingCollection

BATCH_DOCUMENTS: Final = 1000
IDS_AT_ONCE: Final = 100
"""Ids in one question: some servers compare each document with each of them."""

ANSWER_S: Final = 600.0
"""Seconds that a server may take for a batch: the first may have to wait for a whole sort."""


_OBJECT_ID_FIRST: Final = bytes([OBJECT_ID]) + b"_id\0"
_OBJECT_ID_PLACE: Final = PLACES[OBJECT_ID]


class Entry(NamedTuple):
    """A document, undecoded, with its `_id` and what that sorts by."""

    key: SortKey
    id: Value
    data: bytes


async def in_order(collection: ReadingCollection, start: Value | None = None) -> AsyncIterator[list[Entry]]:
    """The collection's documents in the order of `_id`, those after `start` if it is given, a list at a time.

    Raises BackendError, BadAnswer where they come in another order, as nothing could be compared then.
    """
    last: SortKey = ()
    query: Any = {} if start is None else after(start)
    found = collection.find_raw_batches(query, sort=[("_id", 1)], batch_size=BATCH_DOCUMENTS)
    while True:
        with answer_within(ANSWER_S):
            batch = await anext(found, None)
        if batch is None:
            return
        entries = entries_of(batch)
        _check_order(collection.name, last, entries)
        last = entries[-1].key if entries else last
        yield entries


def entries_of(batch: bytes) -> list[Entry]:
    """The documents of a batch."""
    return [entry_of(bytes(data)) for data in documents(batch)]


def entry_of(document: bytes) -> Entry:
    """The document; the usual `_id`, which sorts by its own bytes, without looking further."""
    if document[4:9] == _OBJECT_ID_FIRST:
        data = document[9:21]
        return Entry((_OBJECT_ID_PLACE, data), Value(OBJECT_ID, data), document)
    id_ = id_of(document)
    return Entry(sort_key(id_), id_, document)


async def by_ids(collection: ReadingCollection, ids: Sequence[Value]) -> AsyncIterator[list[Entry]]:
    """The documents of these ids that there are, a list at a time, in no order. Raises BackendError."""
    for at in range(0, len(ids), IDS_AT_ONCE):
        query = is_one_of(ids[at : at + IDS_AT_ONCE])
        async for batch in collection.find_raw_batches(query, batch_size=IDS_AT_ONCE):
            yield entries_of(batch)


async def one_of(collection: ReadingCollection, id_: Value) -> Entry | None:
    """The document of this id, None where there is none. Raises BackendError."""
    async with aclosing(by_ids(collection, [id_])) as found:  # type: ignore[type-var]
        return next(iter(await anext(found, [])), None)


def _check_order(name: str, last: SortKey, entries: Sequence[Entry]) -> None:
    keys = [last, *(entry.key for entry in entries)]
    if any(not before < behind for before, behind in pairwise(keys)):
        raise BadAnswer(f"{name} does not come in the order of _id: has it a collation of its own?")
