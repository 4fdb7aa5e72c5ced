"""Soft delete: `deleted_at` set to null where it is missing, and a TTL index that works; with an undo.

The founding document's index has two keys, and so expires nothing: a TTL index has one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.deadlines import answer_within
from backends.clients.errors import Refused
from backends.clients.mongo import mongo_errors
from backends.migrations.olorin.model import GateState, Light, SoftDelete
from backends.migrations.olorin.places import Places, indexes_at, kinds_of
from backends.migrations.olorin.raw import BOOL, OBJECT, Value, id_of, is_id, made_of, raw
from backends.migrations.olorin.streams import entries_of
from backends.migrations.olorin.writing import keys_of, record
from backends.runs.job import Context, Job, Step
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits
from backends.sampling.words import counted

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument

    from backends.clients.read_only import ReadingDatabase

SOFT_DELETE: Final = "soft-delete"
UNDO: Final = "soft-delete.undo"
CHANGED: Final = "console_soft_delete"
"""The ids of documents whose `deleted_at` was missing, so that the undo takes it from them alone."""

TTL_S: Final = 30 * 24 * 3600
INDEX: Final = "console_deleted_at_ttl"
ANSWER_S: Final = 600.0
_MISSING: Final = {"deleted_at": {"$exists": False}}


async def look(places: Places, name: str, now: datetime) -> SoftDelete:
    """What an execution would do to the collection. Only reads. Raises BackendError."""
    async with places.reading_source() as database:
        there = name in await kinds_of(database)
        with answer_within(ANSWER_S):
            documents = await database[name].count_documents({})
            missing = await database[name].count_documents(_MISSING)
            expired = await _expired(database, name, now)
        indexes = await indexes_at(database, name, there)
    works = any(_expires(index["key"], index) for index in indexes)
    broken = [index["name"] for index in indexes if "deleted_at" in index["key"] and len(index["key"]) > 1]
    gates = (_there(name, there), _expired_gate(expired), _index_gate(works, broken))
    return SoftDelete("", places.source.where, name, documents, missing, expired, works, gates)


class SoftDeleteJob(Job):
    """Sets `deleted_at` where it is missing, then makes the index. options: collection; expired, as confirmed."""

    kind: ClassVar[str] = SOFT_DELETE
    act: ClassVar[str] = "softdelete.execute"
    limits = Limits(500, 50, 1000)

    def __init__(self, places: Places, run: Run, now: datetime) -> None:
        self._places, self._now = places, now
        self._name = str(run.options["collection"])
        self._confirmed = int(run.options.get("expired", 0))
        self._ids: AsyncIterator[list[Value]] | None = None

    async def prepare(self, context: Context) -> None:
        """Counts. Raises Refused where documents would be deleted at once that nobody agreed to."""
        found = await look(self._places, self._name, self._now)
        if found.expired > self._confirmed:
            said = counted(found.expired, "document")
            hint = "Look at them first. To agree, repeat with --confirm and the environment's name."
            raise Refused(f"The index would delete {said} at once.", where=found.where, hint=hint)
        async with self._places.reading_source() as database:
            self._database = database
        context.expect(
            Unit(self._name, (context.progress.units[0].done if context.progress.units else 0) + found.missing)
        )

    async def batch(self, context: Context) -> Step:
        """The next documents, or at the end the index. Raises BackendError."""
        try:
            with mongo_errors(self._places.source):
                return await self._step(context)
        except BaseException:
            self._ids = None
            raise

    async def _step(self, context: Context) -> Step:
        if self._ids is None:
            self._ids = _ids(self._database, self._name)
        ids = await anext(self._ids, None)
        if ids:
            await self._set(context, ids)
            return Step.MORE
        self._ids = None
        if await self._database[self._name].find_one(_MISSING, {"_id": 1}) is not None:
            return Step.MORE
        await self._index(context)
        return Step.DONE

    async def _set(self, context: Context, ids: list[Value]) -> None:
        from pymongo import UpdateOne

        changes: list[Any] = [UpdateOne(_without(id_), {"$set": {"deleted_at": None}}) for id_ in ids]
        records = [record(context.run.id, self._name, id_) for id_ in ids]
        async with context.batch() as batch:
            await batch.database[CHANGED].bulk_write(records, ordered=False, session=batch.session)
            done = await batch.database[self._name].bulk_write(changes, ordered=False, session=batch.session)
            batch.did(self._name, len(ids))
            batch.count(set=done.modified_count)

    async def _index(self, context: Context) -> None:
        indexes = await indexes_at(self._database, self._name)
        if any(_expires(index["key"], index) for index in indexes):
            return
        index = {"key": {"deleted_at": 1}, "name": INDEX, "expireAfterSeconds": TTL_S}
        await context.command({"createIndexes": self._name, "indexes": [index]}, ANSWER_S)


class UndoJob(Job):
    """Drops the console's index, and takes `deleted_at` from documents that had none and still hold null."""

    kind: ClassVar[str] = UNDO
    act: ClassVar[str] = "softdelete.undo"
    limits = Limits(500, 50, 1000)

    def __init__(self, places: Places, run: Run) -> None:
        self._places = places
        self._name = str(run.options["collection"])

    async def prepare(self, context: Context) -> None:
        """Drops the index first, so that nothing expires meanwhile."""
        async with self._places.reading_source() as database:
            self._database = database
            there = self._name in await kinds_of(database)
            indexes = await indexes_at(database, self._name, there)
            context.expect(Unit(self._name))
        if any(index["name"] == INDEX for index in indexes):
            await context.command({"dropIndexes": self._name, "index": INDEX})

    async def batch(self, context: Context) -> Step:
        """The next documents. Raises BackendError."""
        with mongo_errors(self._places.source):
            found = self._database[CHANGED].find_raw_batches({"c": self._name}, limit=context.size)
            records = [entry.data async for batch in found for entry in entries_of(batch)]
            if not records:
                return Step.DONE
            await self._unset(context, records)
        return Step.MORE

    async def _unset(self, context: Context, records: list[bytes]) -> None:
        from pymongo import DeleteOne, UpdateOne

        ids = [id_ for each in records for _, id_ in keys_of(each)]
        changes: list[Any] = [UpdateOne(_with_null(id_), {"$unset": {"deleted_at": ""}}) for id_ in ids]
        async with context.batch() as batch:
            done = await batch.database[self._name].bulk_write(changes, ordered=False, session=batch.session)
            gone: list[Any] = [DeleteOne(is_id(id_of(each))) for each in records]
            await batch.database[CHANGED].bulk_write(gone, ordered=False, session=batch.session)
            batch.did(self._name, len(ids))
            batch.count(unset=done.modified_count)


async def _ids(database: ReadingDatabase, name: str) -> AsyncIterator[list[Value]]:
    found = database[name].find_raw_batches(_MISSING, {"_id": 1}, sort=[("_id", 1)], batch_size=500)
    while True:
        with answer_within(ANSWER_S):
            batch = await anext(found, None)
        if batch is None:
            return
        yield [entry.id for entry in entries_of(batch)]


async def _expired(database: ReadingDatabase, name: str, now: datetime) -> int:
    return await database[name].count_documents({"deleted_at": {"$lt": now - timedelta(seconds=TTL_S)}})


def _expires(fields: Any, index: Any) -> bool:
    return list(fields) == ["deleted_at"] and index.get("expireAfterSeconds") is not None


def _without(id_: Value) -> RawBSONDocument:
    """The document while it has no `deleted_at`."""
    missing = made_of([(b"$exists", Value(BOOL, b"\0"))])
    return raw(made_of([_is(id_), (b"deleted_at", Value(OBJECT, missing))]))


def _with_null(id_: Value) -> RawBSONDocument:
    """The document while its `deleted_at` is null: one that was deleted since keeps its time."""
    from bson import encode

    null = encode({"$type": "null"})
    return raw(made_of([_is(id_), (b"deleted_at", Value(OBJECT, null))]))


def _is(id_: Value) -> tuple[bytes, Value]:
    return b"_id", Value(OBJECT, made_of([(b"$eq", id_)]))


def _there(name: str, there: bool) -> GateState:
    return GateState(
        "collection", Light.OK if there else Light.RED, f"{name} {'is there' if there else 'is not there'}"
    )


def _expired_gate(expired: int) -> GateState:
    if expired:
        return GateState("expired", Light.RED, f"the index would delete {counted(expired, 'document')} at once")
    return GateState("expired", Light.OK, "the index would delete nothing at once")


def _index_gate(works: bool, broken: list[str]) -> GateState:
    if broken:
        why = f"{', '.join(broken)} has two keys and expires nothing; it is left as it is"
        return GateState("index", Light.WARNING, why)
    return GateState("index", Light.OK, "a working index is there" if works else "the index would be made")
