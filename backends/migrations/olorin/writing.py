"""Writing documents into the target as they are: in a batch's transaction, and one by one around what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from backends.backup.bson_files import documents
from backends.clients.errors import BackendError
from backends.migrations.olorin.names import REFUSED, kept
from backends.migrations.olorin.raw import (
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    OBJECT,
    Value,
    binary,
    elements,
    is_id,
    is_one_of,
    made_of,
    raw,
    text,
)
from backends.migrations.olorin.streams import IDS_AT_ONCE, Entry, entries_of
from backends.runs.job import Batch, Context
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

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
    which documents that change meanwhile do not.
    """

    name: str
    entries: Sequence[Entry] = ()
    gone: Sequence[Value] = ()
    keep: Sequence[Entry] = ()
    is_pass: bool = False

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


Finish = Callable[[Batch], None]
"""Leaves what is to be known after the group in its batch."""


@dataclass(slots=True)
class Writer:
    """Writes groups for one run, and knows what the target refused. refused: collection and id."""

    run_id: str
    refused: set[tuple[str, Value]] = field(default_factory=set)

    async def write(self, context: Context, group: Group, how: How, finish: Finish) -> None:
        """Writes the group, as many transactions as it takes; `finish` is committed with the last. Raises BackendError.

        What the target does not take is recorded there, and left as the target has it.
        """
        if how is How.REPLACE and any(id_.type in LOOSE for id_ in group.ids):
            how = How.AGAIN
        try:
            await self._together(context, group, how, finish)
        except NotTaken as error:
            if how is not How.AGAIN:
                next_how = How.REPLACE if how is How.INSERT else How.AGAIN
                await self.write(context, group, next_how, finish)
            elif len(group.entries) > 1:
                first, rest = group.halves()
                await self.write(context, first, how, lambda _: None)
                await self.write(context, rest, how, finish)
            else:
                if group.gone or group.keep:
                    await self.write(context, replace(group, entries=()), how, lambda _: None)
                await self._refuse(context, group, error, finish)

    async def load(self, database: ReadingDatabase) -> None:
        """Learns what was refused before."""
        async for batch in database[REFUSED].find_raw_batches({"r": self.run_id}):
            self.refused.update(keys_of(batch))

    async def _together(self, context: Context, group: Group, how: How, finish: Finish) -> None:
        async with context.batch() as batch:
            await self._set_aside(batch, group)
            done, removed = await put(batch, group, how)
            await self._accept(batch, group)
            if group.is_pass:
                batch.did(group.name, len(group.entries), size_bytes=group.bytes)
            batch.count(written=done, removed=removed)
            finish(batch)
        if self.refused:
            self.refused -= {(group.name, id_) for id_ in group.ids}

    async def _refuse(self, context: Context, group: Group, error: NotTaken, finish: Finish) -> None:
        known = (group.name, error.id) in self.refused
        async with context.batch() as batch:
            told = record(self.run_id, group.name, error.id, error.message, error.code)
            await batch.database[REFUSED].bulk_write([told], session=batch.session)
            if not known:
                batch.did(group.name, failed=1)
            finish(batch)
        self.refused.add((group.name, error.id))

    async def _accept(self, batch: Batch, group: Group) -> None:
        """Forgets that documents were refused which are written now."""
        written = [id_ for id_ in group.ids if (group.name, id_) in self.refused] if self.refused else []
        for id_ in written:
            await batch.database[REFUSED].delete_one({"_id": key(self.run_id, group.name, id_)}, session=batch.session)
        if written:
            batch.did(group.name, failed=-len(written))

    async def _set_aside(self, batch: Batch, group: Group) -> None:
        if not group.keep:
            return
        from pymongo import InsertOne

        collection: Any = batch.database[kept(self.run_id, group.name)]
        there = set()
        for at in range(0, len(group.keep), IDS_AT_ONCE):
            asked = is_one_of([each.id for each in group.keep[at : at + IDS_AT_ONCE]])
            async for found in collection.find_raw_batches(asked, {"_id": 1}, session=batch.session):
                there |= {entry.key for entry in entries_of(found)}
        # What was set aside first is what was there before the run; whatever came later is the run's own.
        aside = [InsertOne(raw(each.data)) for each in group.keep if each.key not in there]
        if aside:
            await collection.bulk_write(aside, ordered=False, session=batch.session)
        batch.count(set_aside=len(aside))


async def put(batch: Batch, group: Group, how: How) -> tuple[int, int]:
    """Writes the group inside the batch; the documents written and removed, as the server counted them.

    Raises NotTaken, and the driver's exceptions.
    """
    from bson.raw_bson import RawBSONDocument
    from pymongo import DeleteOne, InsertOne, ReplaceOne
    from pymongo.errors import BulkWriteError, DocumentTooLarge

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
        largest = max(group.entries, key=lambda entry: len(entry.data))
        raise NotTaken(str(error), largest.id, 0) from error


def key(run_id: str, name: str, id_: Value) -> bytes:
    """Stands for a document of a collection within a run, whatever its `_id` is; short, which every server looks up."""
    said = b"\0".join((run_id.encode(), name.encode(), bytes([id_.type]) + id_.data))
    return hashlib.sha256(said).digest()


def record(run_id: str, name: str, id_: Value, why: str = "", code: int = 0) -> Any:
    """What puts a record about a document into its place: run, collection and id; why and a code where there is one."""
    from pymongo import ReplaceOne

    found = key(run_id, name, id_)
    said = [(b"_id", binary(found)), (b"r", text(run_id)), (b"c", text(name)), (b"k", id_)]
    if why:
        said += [(b"why", text(why)), (b"code", Value(INT, code.to_bytes(4, "little", signed=True)))]
    return ReplaceOne({"_id": found}, raw(made_of(said)), upsert=True)


def keys_of(batch: bytes) -> list[tuple[str, Value]]:
    """The collections and ids that the records of a batch name."""
    found = []
    for document in documents(batch):
        named = dict(elements(document))
        found.append((named[b"c"].data[4:-1].decode(), named[b"k"]))
    return found


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
