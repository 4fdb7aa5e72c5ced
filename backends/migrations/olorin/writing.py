"""Writing documents into the target as they are: in a batch's transaction, and one by one around what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from backends.backup.bson_files import documents
from backends.migrations.olorin.names import REFUSED, kept
from backends.migrations.olorin.putting import LOOSE, Group, How, NotTaken, put, still
from backends.migrations.olorin.raw import INT, Value, binary, elements, is_one_of, made_of, raw, text
from backends.migrations.olorin.streams import IDS_AT_ONCE, Entry, entries_of
from backends.runs.job import Batch, Context

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

Finish = Callable[[Batch], None]
"""Leaves what is to be known after the group in its batch."""


@dataclass(slots=True)
class Writer:
    """Writes groups for one run, and knows what the target refused. refused: collection and id.

    aside: what the names of the collections tell in which documents are set aside; "" for the run's id.
    """

    run_id: str
    refused: set[tuple[str, Value]] = field(default_factory=set)
    aside: str = ""

    def taken(self, name: str, entries: Sequence[Entry]) -> int:
        """How many of the documents were not refused."""
        return sum((name, entry.id) not in self.refused for entry in entries)

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
            if group.was is not None:
                await still(batch, group)
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
        self.refused.add((group.name, error.id))
        try:
            async with context.batch() as batch:
                told = record(self.run_id, group.name, error.id, error.message, error.code)
                await batch.database[REFUSED].bulk_write([told], session=batch.session)
                if not known:
                    batch.did(group.name, failed=1)
                finish(batch)
        except BaseException:
            self.refused -= set() if known else {(group.name, error.id)}
            raise

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

        collection: Any = batch.database[kept(self.aside or self.run_id, group.name)]
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
