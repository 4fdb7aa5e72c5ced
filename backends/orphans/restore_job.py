"""Restoring what a clean-up removed, as a run: all of it, one parent's documents, or one document.

A document that is there already is never changed, so that restoring twice, or after a crash, comes to the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans import came_back, raw, verifying
from backends.orphans.clean_model import RESTORE
from backends.orphans.exemptions import identity
from backends.orphans.graph import Reference
from backends.orphans.parents import Parents
from backends.orphans.quarantine import Clash, about_name, copies_name, parts, put_back
from backends.orphans.values import json_of, text_of, value_of
from backends.runs.job import Batch, Context, Job, Step, Verification
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits

COUNTS: Final = ("restored", "same", "conflict", "parent_missing")


_THERE: Final = frozenset({"restored", "same"})

NAMED: Final = 3
"""Contents that a verdict names; the rest is in the list."""


def to_index_words(contents: Sequence[str], run_id: str) -> str:
    """What is to be embedded again, in words.

    >>> to_index_words([], "r"), to_index_words(["a", "b", "c", "d"], "r")
    ('', '; to be embedded again: a, b, c … (4, olorin orphans verify r lists them)')
    """
    if not contents:
        return ""
    named = ", ".join(contents[:NAMED]) + (" …" if len(contents) > NAMED else "")
    return f"; to be embedded again: {named} ({len(contents):,}, olorin orphans verify {run_id} lists them)"


class RestoreJob(Job):
    """Puts documents back where they were."""

    kind: ClassVar[str] = RESTORE
    act: ClassVar[str] = RESTORE
    limits = Limits(500, 10, 1000)

    def __init__(self, run: Run, mongo: MongoClients, graph: Sequence[Reference]) -> None:
        self._mongo = mongo
        self._graph = tuple(graph)
        self._parents = Parents(mongo)
        self._run_id = str(run.options["of"])
        self._parent = identity(str(run.options.get("parent", "")))
        document = str(run.options.get("document", ""))
        self._document = value_of(document, "json") if document else None
        self._collection = str(run.options.get("collection", ""))
        self._collections: list[str] = []
        self._stream: AsyncIterator[list[dict[str, Any]]] | None = None
        self._place: tuple[str, str] | None = None
        self._waiting: list[dict[str, Any]] = []

    async def prepare(self, context: Context) -> None:
        known = await verifying.about_run(self._mongo, self._run_id)
        self._collections = [name for name in known["collections"] if self._collection in ("", name)]
        async with self._mongo.settled(Role.OLORIN) as database:
            totals = [(name, await database[copies_name(self._run_id, name)].count_documents({}))
                      for name in self._collections]  # fmt: skip
        narrowed = bool(self._parent or self._document is not None)
        context.expect(*(Unit(name, None if narrowed else total) for name, total in totals))

    async def batch(self, context: Context) -> Step:
        place = context.checkpoint.get("collection", 0)
        if place >= len(self._collections):
            return Step.DONE
        name = self._collections[place]
        after = context.checkpoint.get("after")
        said = await self._next(name, after, context.size)
        wanted = [each for each in said if self._wanted(each)]
        more = len(said) == context.size
        next_ = {"collection": place, "after": said[-1]["_id"]["id"]} if more else {"collection": place + 1}
        clashing: set[str] = set()
        while not await self._restore(context, name, wanted, next_, clashing):
            pass  # each turn knows one more that another document is in the way of
        return Step.MORE

    async def verify(self, context: Context) -> Verification:
        proofs = await verifying.verify_clean(self._mongo, self._run_id)
        damaged = [each.why for each in proofs if not each.ok]
        counts = context.progress.counts
        said = ", ".join(f"{counts.get(name, 0):,} {name.replace('_', ' ')}" for name in COUNTS)
        back = await came_back.to_index(self._mongo, self._graph[0], self._run_id)
        return Verification(not damaged, "; ".join(damaged) or said + to_index_words(back, self._run_id))

    async def _next(self, name: str, after: Any, size: int) -> list[dict[str, Any]]:
        """The next of a collection's documents in quarantine: from one long cursor, opened anew only to resume."""
        if self._stream is None or self._place != (name, json_of(after)):
            self._stream, self._waiting = self._lists(name, after), []
        while len(self._waiting) < size and (more := await anext(self._stream, None)):
            self._waiting += more
        found, self._waiting = self._waiting[:size], self._waiting[size:]
        self._place = (name, json_of(found[-1]["_id"]["id"] if found else after))
        return found

    async def _lists(self, name: str, after: Any) -> AsyncIterator[list[dict[str, Any]]]:
        async with self._mongo.settled(Role.OLORIN) as database:
            if self._document is None:
                async for said in verifying.about_lists(database, self._run_id, name, after):
                    yield said
            elif after is None:
                key = {"c": name, "id": self._document}
                yield await database[about_name(self._run_id)].find({"_id": key}).to_list(1)

    def _wanted(self, said: Mapping[str, Any]) -> bool:
        return not self._parent or identity(text_of(said["parent"])[0]) == self._parent

    async def _restore(
        self,
        context: Context,
        name: str,
        said: Sequence[Mapping[str, Any]],
        next_: Mapping[str, Any],
        clashing: set[str],
    ) -> bool:
        """One batch; False where a document clashed, which is among `clashing` then, and nothing was written."""
        copies = await self._copies(name, said)
        try:
            async with context.batch() as batch:
                fates = await put_back(raw.in_raw(batch.database[name]), copies, batch.session, clashing)
                back = [each for each in said if fates.get(json_of(each["_id"]["id"])) == "restored"]
                await self._note(batch, [each for each in said if fates.get(json_of(each["_id"]["id"])) in _THERE])
                await self._account(batch, name, fates, back)
                batch.checkpoint = next_
        except Clash as error:
            clashing.add(error.id)
            return False
        return True

    async def _note(self, batch: Batch, there: Sequence[Mapping[str, Any]]) -> None:
        """Notes of each document that it was restored: a proof asks for these in their collection, and no others."""
        about = batch.database[about_name(self._run_id)]
        for part in parts([each["_id"] for each in there]):
            change = {"$currentDate": {"restored_at": True}}
            await about.update_many({"_id": {"$in": part}}, change, session=batch.session)

    async def _account(
        self, batch: Batch, name: str, fates: Mapping[str, str], back: Sequence[Mapping[str, Any]]
    ) -> None:
        batch.count(**dict.fromkeys(COUNTS, 0))
        counts = {fate: list(fates.values()).count(fate) for fate in ("restored", "same", "conflict")}
        batch.count(**counts, parent_missing=await self._orphaned(name, back))
        batch.did(name, counts["restored"] + counts["same"], failed=counts["conflict"])

    async def _copies(self, name: str, said: Sequence[Mapping[str, Any]]) -> list[Any]:
        if not said:
            return []
        ids = [each["_id"]["id"] for each in said]
        async with self._mongo.settled(Role.OLORIN) as database:
            copies = await verifying.raw_by_id(database, copies_name(self._run_id, name), ids)
        return [raw.document(each) for each in copies.values()]

    async def _orphaned(self, name: str, back: Sequence[Mapping[str, Any]]) -> int:
        missing = 0
        for reference in self._graph:
            mine = [each["parent"] for each in back if (name, each["field"]) == (reference.collection, reference.field)]
            there = await self._parents.there(reference.parent, mine) if mine else set()
            missing += sum(text_of(value) not in there for value in mine)
        return missing
