"""Documents put into a collection as they are: what is written together, and what becomes of one that is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError
from backends.migrations.olorin.order import SortKey, sort_key
from backends.migrations.olorin.raw import (
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    OBJECT,
    Value,
    array,
    is_id,
    is_one_of,
    made_of,
    raw,
    text,
)
from backends.migrations.olorin.streams import IDS_AT_ONCE, Entry, entries_of
from backends.runs.job import Batch
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument

LOOSE: Final = frozenset({DOUBLE, INT, LONG, DECIMAL, OBJECT})
"""Types of which two different ids can be equal to the server: 1 and 1.0."""

_CONFLICT: Final = 112


class How(Enum):
    """How documents are written: into an empty place, over what may be there, or after taking that away."""

    INSERT = "insert"
    REPLACE = "replace"
    AGAIN = "again"


class NotTaken(BackendError):
    """The target refused a document; nothing of its batch was written. id: the document's."""

    kind = "document refused"

    def __init__(self, message: str, id_: Value, code: int) -> None:
        super().__init__(message)
        self.id = id_
        self.code = code


@dataclass(frozen=True, slots=True)
class Group:
    """What is written together into a collection: documents as they are to be, and ids that are not to be there.

    keep: documents of the target that are set aside first. is_pass: they count as done of their collection,
    which documents that change meanwhile do not. was: what must be there still, by what an id sorts by (None: nothing);
    None for whatever is there.
    """

    name: str
    entries: Sequence[Entry] = ()
    gone: Sequence[Value] = ()
    keep: Sequence[Entry] = ()
    is_pass: bool = False
    was: Mapping[SortKey, bytes | None] | None = None

    @property
    def ids(self) -> list[Value]:
        """Every id that it touches."""
        return [*(entry.id for entry in self.entries), *self.gone]

    @property
    def bytes(self) -> int:
        """Of its documents."""
        return sum(len(entry.data) for entry in self.entries)

    def halves(self) -> tuple[Group, Group]:
        """The same in two groups."""
        middle = len(self.entries) // 2
        first = replace(self, entries=self.entries[:middle])
        return first, replace(self, entries=self.entries[middle:], gone=(), keep=())


async def still(batch: Batch, group: Group) -> None:
    """Raises TryAgain where a document is not what it was: in the same transaction, so that nobody comes between."""
    there = {entry.key: entry.data async for found in _there(batch, group) for entry in found}
    was = group.was or {}
    # Without transactions an attempt that was refused in part has written the rest.
    done = {entry.key: entry.data for entry in group.entries} if batch.session is None else {}
    others = [key for key in map(sort_key, group.ids) if there.get(key) != was.get(key)]
    if any(key not in done or there.get(key) != done[key] for key in others):
        raise TryAgain("Somebody wrote one of the documents meanwhile; they are compared again.")


async def put(batch: Batch, group: Group, how: How) -> tuple[int, int]:
    """Writes the group inside the batch; the documents written and removed, as the server counted them.

    Raises NotTaken, TryAgain, and the driver's exceptions.
    """
    from bson.raw_bson import RawBSONDocument
    from pymongo import DeleteOne, InsertOne, ReplaceOne
    from pymongo.errors import BulkWriteError, DocumentTooLarge

    if batch.session is None and group.was is not None:
        return await put_alone(batch, group, group.was)
    if batch.session is None and how is How.AGAIN:
        return await put_again_alone(batch, group)
    collection: Any = batch.database[group.name]
    whole = [RawBSONDocument(entry.data) for entry in group.entries]
    delete = [DeleteOne(is_id(id_)) for id_ in (group.ids if how is How.AGAIN else group.gone)]
    removed = 0
    try:
        if how is How.REPLACE:
            changes: list[Any] = [
                ReplaceOne(is_id(entry.id), document, upsert=True)
                for entry, document in zip(group.entries, whole, strict=True)
            ]
            if not changes and not delete:
                return 0, 0
            result = await collection.bulk_write([*changes, *delete], ordered=False, session=batch.session)
            return result.upserted_count + result.matched_count, result.deleted_count
        if delete:
            removed = (await collection.bulk_write(delete, ordered=False, session=batch.session)).deleted_count
        if not whole:
            return 0, removed
        inserts = [InsertOne(each) for each in whole]
        inserted = await collection.bulk_write(inserts, ordered=False, session=batch.session)
        return inserted.inserted_count, removed
    except BulkWriteError as error:
        raise _not_taken(group, error.details) from error
    except DocumentTooLarge as error:
        raise _too_large(group, error) from error


async def put_alone(batch: Batch, group: Group, was: Mapping[SortKey, bytes | None]) -> tuple[int, int]:
    """The same without transactions: each document by itself, and only while it is what it was.

    Raises TryAgain where one is not, and NotTaken; what was written before that stays.
    """
    from pymongo import DeleteOne, InsertOne, ReplaceOne

    there = {entry.key: entry.data async for found in _there(batch, group) for entry in found}
    new = [(each.id, each.key, raw(each.data)) for each in group.entries if there.get(each.key) != each.data]
    changes: list[Any] = [
        InsertOne(document) if (before := was.get(key)) is None else ReplaceOne(_while_it_is(id_, before), document)
        for id_, key, document in new
    ]
    gone = [(id_, was.get(sort_key(id_))) for id_ in group.gone]
    changes += [DeleteOne(_while_it_is(id_, before)) for id_, before in gone if before is not None]
    if not changes:
        return len(group.entries), 0
    result = await _written(batch.database[group.name], changes, group)
    done = result.inserted_count + result.matched_count
    if (done, result.deleted_count) != (len(new), sum(before is not None for _, before in gone)):
        raise TryAgain("Somebody wrote one of the documents meanwhile; they are compared again.")
    return len(group.entries), result.deleted_count


async def put_again_alone(batch: Batch, group: Group) -> tuple[int, int]:
    """Documents taken away and written anew without transactions: where one is refused, all are put back."""
    from pymongo import DeleteOne, InsertOne

    collection: Any = batch.database[group.name]
    before = [entry async for found in _there(batch, group) for entry in found]
    away: list[Any] = [DeleteOne(is_id(id_)) for id_ in group.ids]
    removed = (await collection.bulk_write(away, ordered=False)).deleted_count if away else 0
    if not group.entries:
        return 0, removed
    try:
        result = await _written(collection, [InsertOne(raw(entry.data)) for entry in group.entries], group)
    except NotTaken:
        await collection.bulk_write([*away, *(InsertOne(raw(entry.data)) for entry in before)])
        raise
    return result.inserted_count, removed


def _while_it_is(id_: Value, document: bytes) -> RawBSONDocument:
    """What finds the document as long as it is this one: looked at and written in one step."""
    literal = made_of([(b"$literal", Value(OBJECT, document))])
    both = array([text("$$ROOT"), Value(OBJECT, literal)])
    same = made_of([(b"$eq", both)])
    is_ = made_of([(b"$eq", id_)])
    return raw(made_of([(b"_id", Value(OBJECT, is_)), (b"$expr", Value(OBJECT, same))]))


async def _there(batch: Batch, group: Group) -> AsyncIterator[list[Entry]]:
    collection: Any = batch.database[group.name]
    for at in range(0, len(group.ids), IDS_AT_ONCE):
        asked = is_one_of(group.ids[at : at + IDS_AT_ONCE])
        async for found in collection.find_raw_batches(asked, session=batch.session):
            yield entries_of(found)


async def _written(collection: Any, changes: list[Any], group: Group) -> Any:
    from pymongo.errors import BulkWriteError, DocumentTooLarge

    try:
        return await collection.bulk_write(changes, ordered=False)
    except BulkWriteError as error:
        raise _not_taken(group, error.details) from error
    except DocumentTooLarge as error:
        raise _too_large(group, error) from error


def _not_taken(group: Group, details: Any) -> BackendError:
    errors = details.get("writeErrors")
    if not errors:
        return TryAgain(f"The target did not confirm a batch: {details.get('writeConcernErrors')}")
    first = min(errors, key=lambda each: each["index"])
    if first["code"] == _CONFLICT:
        return TryAgain("Another writer was in the way.")
    place = first["index"]
    id_ = group.entries[place].id if place < len(group.entries) else group.ids[0]
    return NotTaken(str(first["errmsg"]), id_, first["code"])


def _too_large(group: Group, error: Exception) -> NotTaken:
    largest = max(group.entries, key=lambda entry: len(entry.data))
    return NotTaken(str(error), largest.id, 0)
