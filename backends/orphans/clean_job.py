"""The clean-up as a run: batch by batch, each one transaction, with the parents asked for before it and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, ClassVar, Final

from backends.backup.model import BackupGate
from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans import expired, raw, verifying
from backends.orphans.allow_list import CHUNK, Item, items_of, read_list
from backends.orphans.clean_model import CLEAN, COUNTS, CleanOptions, PlannedReference, references_of
from backends.orphans.exemptions import Exempt, ExemptionBook, identity
from backends.orphans.finishing import Finishing
from backends.orphans.graph import Reference
from backends.orphans.parents import Parents
from backends.orphans.planning import exempt_ids
from backends.orphans.quarantine import (
    LISTS,
    QUARANTINES,
    Clash,
    Quarantine,
    Removed,
    about_name,
    copies_name,
    put_back,
    skipped_name,
)
from backends.orphans.values import json_of, text_of
from backends.orphans.vectors import Vectors
from backends.runs.job import Batch, Context, Job, Step, Verification
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits

REAPPEARED: Final = "its parent is there again"
EXEMPTED: Final = "exempt since the plan"
CHUNKS: Final = 10
"""Chunks of the list that are copied together."""

BATCH_BYTES: Final = 16 * 2**20
"""Bytes of the documents of one batch: they are held here, and in a transaction of the server."""


class CleanJob(Job):
    """Removes what a plan lists, and nothing else.

    folder: where lists lie, needed only until the run has copied its own. separated: whether the databases are.
    vectors: where embeddings' vectors are deleted, None without a key. backup: what lets old quarantines be dropped.
    """

    kind: ClassVar[str] = CLEAN
    act: ClassVar[str] = CLEAN
    limits = Limits(CHUNK, 200, CHUNK)
    """Each batch asks a dozen times; with fewer items than these, a slow server would do little else."""

    def __init__(
        self,
        run: Run,
        mongo: MongoClients,
        graph: Sequence[Reference],
        folder: Path,
        *,
        separated: bool,
        vectors: Vectors | None,
        backup: BackupGate,
        now: Callable[[], datetime],
    ) -> None:
        self._mongo, self._folder, self._separated, self._now = mongo, folder, separated, now
        self._run_id, self._body = run.id, run.options
        self._finishing = Finishing(mongo, run.id, vectors, folder, expired.of(run.options), backup)
        self._graph = {each.name: each for each in graph}
        self._options = CleanOptions(**{**run.options["options"], **_tuples(run.options["options"])})
        self._parents = Parents(mongo, self._options.suspended)
        self._exemptions = ExemptionBook(mongo, now)
        self._settled: list[int] | None = None
        self._chunk: tuple[int, str, list[Item]] | None = None
        self._chunks: Iterator[tuple[int, Mapping[str, Any]]] | None = None
        self._laid_out = False

    @property
    def _planned(self) -> tuple[PlannedReference, ...]:
        return references_of(self._body)

    async def prepare(self, context: Context) -> None:
        if not self._separated:
            raise Refused("The databases are not separated.", hint="Set OLORIN_USE_SEPARATE_DATABASE=true.")
        for each in self._planned:
            if each.planned and (reference := self._graph.get(each.name)) is not None:
                await self._parents.check_count(reference.parent, each.parents)
        context.expect(*(Unit(each.name, each.planned) for each in self._planned if each.planned))

    async def batch(self, context: Context) -> Step:
        if await self._lay_out(context):
            return Step.MORE
        body = context.checkpoint
        await self._settle(context, body.get("unsettled"))
        number, at = body.get("chunk", 0), body.get("at", 0)
        name, items = await self._items(number)
        if not name:
            return await self._finishing.finish(context, self._now())
        part = within(items[at : at + context.size], BATCH_BYTES)
        place = {"chunk": number, "at": at + len(part)} if at + len(part) < len(items) else {"chunk": number + 1}
        unsettled = [number, at, at + len(part)]
        await self._remove(context, self._graph[name], part, {**place, "unsettled": unsettled})
        await self._settle(context, unsettled)
        return Step.MORE

    async def verify(self, context: Context) -> Verification:
        proofs = await verifying.verify_clean(self._mongo, self._run_id) if self._collections else []
        ok = all(each.ok for each in proofs)
        said = verifying.words(context.progress) if ok else "; ".join(each.why for each in proofs if each.why)
        return Verification(ok, said + self._finishing.about_vectors(context) + await self._finishing.kept())

    # Before

    async def _lay_out(self, context: Context) -> bool:
        """A step of copying the list beside the run, so that any machine can go on with it; False once that is done.

        Who has nothing to remove makes no quarantine.
        """
        if self._laid_out or not self._collections:
            return False
        try:
            if self._chunks is None and await self._is_laid_out(context):
                self._laid_out = True
                return False
            self._chunks = self._chunks or enumerate(read_list(self._folder, self._body["list"]))
            if portion := list(islice(self._chunks, CHUNKS)):
                await self._copy_list(context, portion)
            else:
                await self._record(context)
                self._laid_out = True
        except BaseException:
            self._chunks = None
            raise
        return True

    async def _is_laid_out(self, context: Context) -> bool:
        """Whether an execution before did it; if not, the collections are there after this."""
        async with self._mongo.settled(Role.OLORIN) as database:
            if await database[QUARANTINES].find_one({"_id": self._run_id}, {"_id": 1}) is not None:
                return True
            there = set(await database.list_collection_names())
        names = [LISTS, QUARANTINES, about_name(self._run_id), skipped_name(self._run_id)]
        for name in (*names, *(copies_name(self._run_id, each) for each in self._collections)):
            # A transaction on an old server can't make a collection.
            if name not in there:
                await context.command({"create": name})
        return False

    async def _copy_list(self, context: Context, portion: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        from pymongo import ReplaceOne

        keyed = [({"run": self._run_id, "n": number}, chunk) for number, chunk in portion]
        writes = [ReplaceOne({"_id": key}, {"_id": key, **chunk}, upsert=True) for key, chunk in keyed]
        async with context.batch() as batch:
            await batch.database[LISTS].bulk_write(writes, ordered=False, session=batch.session)

    async def _record(self, context: Context) -> None:
        kept = timedelta(days=self._options.quarantine_days)
        said = {"collections": self._collections, "at": self._now(), "expires_at": self._now() + kept}
        async with context.batch() as batch:
            mine = {"run": self._run_id}, {"run": f"{self._run_id}\0"}
            lists = {"_id": {"$gte": mine[0], "$lt": mine[1]}}
            chunks = await batch.database[LISTS].count_documents(lists, session=batch.session)
            record = {"_id": self._run_id, "plan": self._body["list"], **said, "chunks": chunks}
            await batch.database[QUARANTINES].insert_one(record, session=batch.session)

    @property
    def _collections(self) -> list[str]:
        return sorted({each.name.partition(".")[0] for each in self._planned if each.planned})

    async def _items(self, number: int) -> tuple[str, list[Item]]:
        if self._chunk is None or self._chunk[0] != number:
            async with self._mongo.settled(Role.OLORIN) as database:
                found = await database[LISTS].find_one({"_id": {"run": self._run_id, "n": number}})
                about = await database[QUARANTINES].find_one({"_id": self._run_id}, {"chunks": 1}) or {}
            if found is None and number < about.get("chunks", 0):
                raise Refused(f"The list of the run {self._run_id} is not whole.", hint="Make a new plan.")
            self._chunk = (number, found["reference"] if found else "", items_of(found) if found else [])
        return self._chunk[1:]

    # A batch

    async def _remove(
        self, context: Context, reference: Reference, items: Sequence[Item], checkpoint: Mapping[str, Any]
    ) -> None:
        witnesses = self._body["witnesses"].get(reference.parent.collection, ())
        _, there, spared = await asyncio.gather(
            self._parents.check(reference.parent, witnesses),
            self._parents.there(reference.parent, [item.value for item in items]),
            self._spared(reference, items),
        )
        left = [(item, REAPPEARED) for item in items if text_of(item.value) in there]
        left += [(item, EXEMPTED) for item in items if text_of(item.value) not in there and _key(item) in spared]
        kept = {_key(item) for item, _ in left}
        now = self._now()
        async with context.batch() as batch:
            quarantine = Quarantine(batch.database, batch.session, self._run_id, reference.collection)
            wanted = [item for item in items if _key(item) not in kept]
            removed = await quarantine.take(wanted, reference.field, self._reason(reference), now)
            await quarantine.skip([*left, *removed.left], now)
            self._account(
                batch, reference, removed, len(left) + len(removed.left), sum(w == REAPPEARED for _, w in left)
            )
            batch.checkpoint = checkpoint

    def _account(self, batch: Batch, reference: Reference, removed: Removed, left: int, reappeared: int) -> None:
        first = not batch.progress.counts
        batch.count(**dict.fromkeys(COUNTS, 0))
        if first:
            batch.count(planned=sum(each.planned for each in self._planned))
        batch.count(deleted=removed.deleted, quarantined=len(removed.taken), bytes=removed.size_bytes)
        batch.count(reappeared=reappeared, skipped=left - reappeared)
        batch.did(reference.name, removed.deleted, failed=left, size_bytes=removed.size_bytes)

    async def _spared(self, reference: Reference, items: Sequence[Item]) -> set[str]:
        """The ids of items that became exempt since the plan was made."""
        exempt = Exempt.of(await self._exemptions.all(), reference.collection, self._now())
        by_parent = {_key(item) for item in items if identity(text_of(item.value)[0]) in exempt.parents}
        return by_parent | await exempt_ids(self._mongo, reference.collection, [item.id for item in items], exempt)

    def _reason(self, reference: Reference) -> str:
        return f"{reference.field} names no document of {reference.parent.collection}"

    async def _settle(self, context: Context, unsettled: list[int] | None) -> None:
        """Asks for the parents of what was just removed once more, and restores the children of those that appeared.

        Until this is done for a batch, its place stays in the checkpoint.
        """
        if unsettled is None or unsettled == self._settled:
            return
        number, start, end = unsettled
        name, items = await self._items(number)
        reference, part = self._graph[name], items[start:end]
        there = await self._parents.there(reference.parent, [item.value for item in part])
        if there:
            await self._restore(context, reference, [item for item in part if text_of(item.value) in there])
        self._settled = unsettled

    async def _restore(self, context: Context, reference: Reference, items: Sequence[Item]) -> None:
        clashing: set[str] = set()
        while True:
            try:
                return await self._put_back(context, reference, items, clashing)
            except Clash as error:
                clashing.add(error.id)

    async def _put_back(
        self, context: Context, reference: Reference, items: Sequence[Item], clashing: Collection[str]
    ) -> None:
        async with context.batch() as batch:
            quarantine = Quarantine(batch.database, batch.session, self._run_id, reference.collection)
            copies = list((await quarantine.held(items)).values())
            source = raw.in_raw(batch.database[reference.collection])
            fates = await put_back(source, copies, batch.session, clashing)
            back = [item for item in items if fates.get(_key(item)) in ("restored", "same")]
            clashed = [item for item in items if fates.get(_key(item)) == "conflict"]
            await quarantine.forget([item.id for item in back])
            await quarantine.skip([(item, REAPPEARED) for item in back], self._now())
            batch.count(deleted=-len(back), quarantined=-len(back), reappeared=len(back), failed=len(clashed))
            batch.count(bytes=-sum(item.size_bytes for item in back))
            batch.did(reference.name, -len(back), failed=len(back))


def within(items: Sequence[Item], size_bytes: int) -> Sequence[Item]:
    """As many of the first items as have so many bytes together, at least one.

    >>> items = [Item(n, "", b"", 4) for n in range(3)]
    >>> [item.id for item in within(items, 8)], [item.id for item in within(items, 1)]
    ([0, 1], [0])
    """
    sums = accumulate(item.size_bytes for item in items)
    return items[: max(sum(total <= size_bytes for total in sums), 1)]


def _key(item: Item) -> str:
    return json_of(item.id)


def _tuples(options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What JSON made lists of."""
    return {name: tuple(options.get(name, ())) for name in ("suspended", "parents")}
