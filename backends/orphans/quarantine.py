"""Where removed documents wait to be restored: each one unchanged, and beside it why, by which run and with what hash.

`console_quarantine_RUN.COLLECTION` holds the documents of one collection, `console_quarantine_RUN` what is known of
each (its `_id` is {c: collection, id: the document's}), `console_quarantine_RUN.skipped` what was left alone and why.
`console_quarantines` names the runs, with the day until which theirs are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError, VerificationFailed
from backends.orphans import raw
from backends.orphans.allow_list import Item
from backends.orphans.values import json_of
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

QUARANTINES: Final = "console_quarantines"
LISTS: Final = "console_orphan_lists"
LOOK_UP: Final = 100
"""Ids in one list of a look-up: some servers compare each document that they find with all of them."""

_DUPLICATE, _CONFLICT = 11000, 112

Document = dict[str, Any]


def about_name(run_id: str) -> str:
    """The collection that says of each document why it was removed."""
    return f"console_quarantine_{run_id}"


def copies_name(run_id: str, collection: str) -> str:
    """The collection that holds a collection's documents."""
    return f"{about_name(run_id)}.{collection}"


def skipped_name(run_id: str) -> str:
    """The collection that says what was on the list and was left alone."""
    return f"{about_name(run_id)}.skipped"


def parts(ids: Sequence[Any], size: int = LOOK_UP) -> Iterator[list[Any]]:
    """Lists of ids as short as servers like them."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


@dataclass(slots=True)
class Removed:
    """What became of a batch's items. taken: in quarantine and deleted; left: item → why it was left alone."""

    taken: list[Item]
    left: list[tuple[Item, str]]
    deleted: int = 0
    size_bytes: int = 0


class Quarantine:
    """One run's quarantine of one collection, written to in a transaction where there is one."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        session: AsyncIOMotorClientSession | None,
        run_id: str,
        collection: str,
    ) -> None:
        self._run_id = run_id
        self._collection = collection
        self._session = session
        self._source = raw.in_raw(database[collection])
        self._copies = raw.in_raw(database[copies_name(run_id, collection)])
        self._about = database[about_name(run_id)]
        self._skipped = database[skipped_name(run_id)]

    async def take(self, items: Sequence[Item], field: str, reason: str, at: datetime) -> Removed:
        """Copies the documents that are as they were listed, reads the copies back, and deletes the documents.

        Raises VerificationFailed where a copy is not what was copied: nothing was deleted then.
        """
        found = await self._found(self._source, items)
        removed = _sorted(items, found)
        if self._session is None:
            await self._take_over(removed)
        taken = [found[json_of(item.id)] for item in removed.taken if json_of(item.id) in found]
        if taken:
            await self._copy(taken, removed.taken, field, reason, at)
            await self._read_back(removed.taken, found)
            removed.deleted += await self._delete(removed, taken)
        removed.size_bytes = sum(item.size_bytes for item in removed.taken)
        return removed

    async def skip(self, left: Sequence[tuple[Item, str]], at: datetime) -> None:
        """Notes what was left alone, and why."""
        from pymongo import ReplaceOne

        said = [({"c": self._collection, "id": item.id}, item, why) for item, why in left]
        writes = [
            ReplaceOne({"_id": key}, {"_id": key, "parent": item.value, "why": why, "at": at}, upsert=True)
            for key, item, why in said
        ]
        if writes:
            await self._skipped.bulk_write(writes, ordered=False, session=self._session)

    async def held(self, items: Sequence[Item]) -> dict[str, Any]:
        """The copies of these items: id as JSON → document."""
        return await self._found(self._copies, items)

    async def forget(self, ids: Sequence[Any]) -> None:
        """Drops copies, once their documents are where they were."""
        for part in parts(ids):
            await self._copies.delete_many({"_id": {"$in": part}}, session=self._session)
            keys = [{"c": self._collection, "id": each} for each in part]
            await self._about.delete_many({"_id": {"$in": keys}}, session=self._session)

    async def _found(self, collection: Any, items: Sequence[Item]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in parts([item.id for item in items]):
            cursor = collection.find({"_id": {"$in": part}}, session=self._session)
            found |= {json_of(each["_id"]): each for each in await cursor.to_list(None)}
        return found

    async def _copy(self, taken: Sequence[Any], items: Sequence[Item], field: str, reason: str, at: datetime) -> None:
        known = {json_of(item.id): item for item in items}
        about = [self._said(each, known[json_of(each["_id"])], field, reason, at) for each in taken]
        if self._session is None:
            await self.forget([each["_id"] for each in taken])
        await self._copies.insert_many(taken, ordered=False, session=self._session)
        await self._about.insert_many(about, ordered=False, session=self._session)

    def _said(self, document: Any, item: Item, field: str, reason: str, at: datetime) -> Document:
        said = {"_id": {"c": self._collection, "id": item.id}, "field": field, "parent": item.value, "reason": reason}
        vector = document.get("pinecone_vector_id")
        more = {"vector": vector} if isinstance(vector, str) else {}
        return {**said, "run_id": self._run_id, "hash": item.digest, "bytes": item.size_bytes, "at": at, **more}

    async def _read_back(self, items: Sequence[Item], found: Mapping[str, Any]) -> None:
        copies = await self._found(self._copies, items)
        for item in items:
            key = json_of(item.id)
            if key in found and (key not in copies or copies[key].raw != found[key].raw):
                raise VerificationFailed(f"The copy of a document of {self._collection} is not the document.")

    async def _delete(self, removed: Removed, taken: Sequence[Any]) -> int:
        from pymongo import DeleteOne

        if self._session is None:
            return await self._delete_unchanged(removed, taken)
        deletions = [DeleteOne({"_id": each["_id"]}) for each in taken]
        deleted = (await self._source.bulk_write(deletions, ordered=False, session=self._session)).deleted_count
        if deleted != len(taken):
            raise VerificationFailed(f"The server deleted {deleted} of {len(taken)} documents of {self._collection}.")
        return int(deleted)

    # Without transactions

    async def _take_over(self, removed: Removed) -> None:
        """Counts what this batch deleted before its process died: gone from its collection, and in quarantine."""
        gone = [item for item, why in removed.left if why == GONE]
        copies = await self._found(self._copies, gone)
        mine = [item for item in gone if _is(copies.get(json_of(item.id)), item)]
        removed.taken += mine
        removed.left = [(item, why) for item, why in removed.left if item not in mine]
        removed.deleted += len(mine)

    async def _delete_unchanged(self, removed: Removed, taken: Sequence[Any]) -> int:
        """Deletes each document by all of its fields, so that one that changed meanwhile stays, and loses its copy."""
        from pymongo import DeleteOne

        filters = [filter_ for each in taken if (filter_ := every_field(each)) is not None]
        done = await self._source.bulk_write([DeleteOne(each) for each in filters], ordered=False) if filters else None
        still = await self._found(self._source, removed.taken)
        removed.left += [(item, CHANGED) for item in removed.taken if json_of(item.id) in still]
        removed.taken = [item for item in removed.taken if json_of(item.id) not in still]
        await self.forget([each["_id"] for each in still.values()])
        return int(done.deleted_count) if done is not None else 0


CHANGED: Final = "changed since the plan"
GONE: Final = "not there any more"


def _sorted(items: Sequence[Item], found: Mapping[str, Any]) -> Removed:
    removed = Removed([], [])
    for item in items:
        document = found.get(json_of(item.id))
        if document is None:
            removed.left.append((item, GONE))
        elif _is(document, item):
            removed.taken.append(item)
        else:
            removed.left.append((item, CHANGED))
    return removed


def _is(document: Any, item: Item) -> bool:
    return document is not None and raw.hash_of(document.raw) == item.digest


def every_field(document: RawBSONDocument) -> Document | None:
    """A filter on every field of the document, and on there being no other; None where a name can't stand in one.

    >>> from bson import encode
    >>> every_field(raw.document(encode({"_id": 1, "a": "x"})))
    {'_id': {'$eq': 1}, 'a': {'$eq': 'x'}, '$expr': {'$eq': [{'$bsonSize': '$$ROOT'}, 23]}}
    >>> every_field(raw.document(encode({"_id": 1, "a.b": 2}))) is None
    True
    """
    if any("." in name or name.startswith("$") or not name for name in document):
        return None
    # A field that was added makes the document longer: equal fields alone would not tell.
    same_size = {"$eq": [{"$bsonSize": "$$ROOT"}, len(document.raw)]}
    return {**{name: {"$eq": value} for name, value in document.items()}, "$expr": same_size}


class Clash(BackendError):
    """Another document has the value of a unique index; the batch was undone. id: as JSON, of the one that has none."""

    kind = "clash"

    def __init__(self, id_: str) -> None:
        super().__init__(f"Another document is in the place of {id_}.")
        self.id = id_


async def put_back(
    source: Any, documents: Sequence[Any], session: AsyncIOMotorClientSession | None, clashing: Collection[str] = ()
) -> dict[str, str]:
    """Inserts documents where they were; what happened to each: id as JSON → restored, same or conflict.

    source: the collection, read as bytes. clashing: ids as JSON that clashed before. A document that is there already
    is never changed. Safe to repeat. Raises Clash inside a transaction, which is over then.
    """
    from pymongo.errors import BulkWriteError

    there: dict[str, Any] = {}
    for part in parts([each["_id"] for each in documents]):
        found = source.find({"_id": {"$in": part}}, session=session)
        there |= {json_of(each["_id"]): each for each in await found.to_list(None)}
    fates = {json_of(each["_id"]): _fate(each, there) for each in documents}
    fates |= {id_: "conflict" for id_, fate in fates.items() if fate == "restored" and id_ in clashing}
    missing = [each for each in documents if fates[json_of(each["_id"])] == "restored"]
    try:
        if missing:
            await source.insert_many(missing, ordered=False, session=session)
    except BulkWriteError as error:
        failed = (error.details or {}).get("writeErrors", [])
        codes = {each.get("code") for each in failed}
        if _CONFLICT in codes:
            raise TryAgain("Another writer was in the way.") from error
        if codes != {_DUPLICATE}:
            raise
        # Another document has its id by now, or the value of a unique index.
        clashes = [json_of(missing[each["index"]]["_id"]) for each in failed]
        if session is not None:
            raise Clash(clashes[0]) from error
        fates |= dict.fromkeys(clashes, "conflict")
    return fates


def _fate(document: Any, there: Mapping[str, Any]) -> str:
    present = there.get(json_of(document["_id"]))
    if present is None:
        return "restored"
    return "same" if present.raw == document.raw else "conflict"
