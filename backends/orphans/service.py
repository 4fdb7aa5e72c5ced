"""What the orphans screen and `olorin orphans` ask for. Only reads: the databases, and the console's own history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget, Role
from backends.orphans import browse, came_back, evidence, verifying
from backends.orphans.exemptions import ExemptionBook
from backends.orphans.graph import Reference, reference_graph
from backends.orphans.history import History, Row
from backends.orphans.model import (
    DocumentPage,
    Evidence,
    MissingPage,
    MissingParent,
    Node,
    Order,
    OtherReference,
    ParentKey,
    Place,
    ReferenceScan,
    Scan,
    ToIndex,
    Trend,
)
from backends.orphans.passes import Pass
from backends.orphans.rules import summary
from backends.sampling.reading import utc_now
from backends.sampling.state import Summary

PAGE: Final = 100
"""Missing parents, or documents, of one page."""

EXPORTED: Final = 1_000
"""Missing parents that an export reads at a time."""


class OrphansService:
    """Judges the reference graph, a scan's part of it at a time, and browses what the newest scan found.

    state: the state folder, which keeps the history. content_collection: the parent collection of `content_id`.
    """

    def __init__(
        self,
        mongo: MongoClients,
        state: Path,
        content_collection: str = "content",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._mongo = mongo
        self._state = state
        self.now = now
        self.graph = reference_graph(content_collection)
        self.exemptions = ExemptionBook(mongo, now)

    async def check(self) -> None:
        """Raises BackendError where the children's database does not answer, or holds nothing."""
        await self._mongo.require_database(Role.OLORIN)

    async def summary(self) -> Summary:
        """How the references stood when they were scanned last; looking scans nothing. Raises BackendError."""
        return summary(await self.latest(), self.now(), await self.trends())

    async def latest(self) -> Scan | None:
        """The newest scan of these databases by anybody with this state folder. Raises BackendError."""
        return await asyncio.to_thread(self.history().latest)

    async def missing(
        self,
        collection: str | None = None,
        *,
        field: str | None = None,
        after: Place | None = None,
        limit: int = PAGE,
        contains: str = "",
        order: Order = Order.PARENT,
        sized: bool = True,
    ) -> MissingPage:
        """A page of what the newest scan found: parents that are not alive; by key in the order of the graph.

        contains: a part of the parent's id, or the beginning of a state. sized: whether the server is asked for their
        sizes, which takes longer than all the rest. Raises BackendError.
        """
        references = [
            each for each in self.graph if collection in (None, each.collection) and field in (None, each.field)
        ]
        history, wanted = self.history(), contains.strip().casefold()
        total = sum([await asyncio.to_thread(history.total, each.key, wanted) for each in references])
        if order is Order.PARENT:
            rows = await asyncio.to_thread(_rows_by_key, history, references, after, limit + 1, wanted)
        else:
            keys = [each.key for each in references]
            rows = await asyncio.to_thread(history.sorted_page, keys, order, after, limit + 1, wanted)
        unsized = [browse.missing_parent(self.reference(row["reference"]), row) for row in rows[:limit]]
        items = await self.sized(unsized) if sized else unsized
        more = Place(items[-1].key, rows[limit - 1].get("rank", 0.0)) if len(rows) > limit else None
        return MissingPage(tuple(items), more, total)

    async def every_missing(
        self, collection: str | None = None, *, field: str | None = None, contains: str = "", sized: bool = True
    ) -> AsyncIterator[MissingParent]:
        """Every missing parent, page by page, for exports. sized: as for `missing`. Raises BackendError."""
        after: Place | None = None
        while True:
            page = await self.missing(
                collection, field=field, after=after, limit=EXPORTED, contains=contains, sized=sized
            )
            for item in page.items:
                yield item
            if page.next is None:
                return
            after = page.next

    async def trends(self) -> tuple[Trend, ...]:
        """How each reference developed over the scans that are kept. Raises BackendError."""
        return await asyncio.to_thread(self.history().trends)

    async def to_index(self, run_id: str = "") -> ToIndex:
        """Contents that are there again, whose embeddings the newest clean-up (or this one) removed.

        Raises NotThere where there is no such quarantine, and BackendError.
        """
        run_id = run_id or await verifying.newest_run(self._mongo)
        await verifying.about_run(self._mongo, run_id)
        return ToIndex(run_id, await came_back.to_index(self._mongo, self.graph[0], run_id))

    async def prove(self, key: ParentKey) -> Evidence:
        """Looks a parent up now. Raises BackendError."""
        return await evidence.prove(self._mongo, self.reference(key.reference), key, self.now)

    async def others(self, key: ParentKey) -> tuple[OtherReference, ...]:
        """What else names the same parent. Raises BackendError."""
        return await evidence.others(self._mongo, self.graph, self.reference(key.reference), key)

    async def documents(
        self, key: ParentKey, after: str | None = None, limit: int = PAGE, *, of: int = 0
    ) -> DocumentPage:
        """A page of the documents that refer to the parent. of: how many a scan found there. Raises BackendError."""
        many = of > browse.SORTED_DOCUMENTS
        return await browse.documents(self._mongo, self.reference(key.reference), key, after, limit, many=many)

    async def document(self, reference: str, key: str) -> tuple[Node, ...]:
        """One document as a tree, safe to show. Raises BackendError, NotThere where it is gone."""
        return await browse.document(self._mongo, self.reference(reference), key)

    def reference(self, key: str) -> Reference:
        """The reference with the key (or the name). Raises BackendError where it is not of this graph."""
        for reference in self.graph:
            if key in (reference.key, reference.name):
                return reference
        raise BackendError(f"There is no reference {key} here.", hint="Begin again with the first page.")

    async def sized(self, parents: Sequence[MissingParent]) -> list[MissingParent]:
        """The parents with what their documents come to, where that is cheap to tell: asked of the server."""
        sized: dict[str, Mapping[str, browse.Size]] = {}
        for key in dict.fromkeys(each.key.reference for each in parents):
            its = [each for each in parents if each.key.reference == key]
            sized[key] = await browse.sizes(self._mongo, self.reference(key), its)
        return [browse.with_size(each, sized[each.key.reference].get(each.key.value)) for each in parents]

    async def begin(self) -> Pass:
        """What judges the references, one by one, with the exemptions of now. Raises BackendError."""
        await self.check()
        return Pass(self._mongo, self.history(), await self.exemptions.all(), self.now)

    async def keep(self, started_at: datetime, results: Sequence[ReferenceScan]) -> Scan:
        """Makes these results the newest scan. Raises BackendError."""
        return await asyncio.to_thread(self.history().add_scan, started_at, self.now(), results)

    @property
    def scanned(self) -> dict[str, str]:
        """What a scan here is one of: the databases, without naming them, and the contents. Raises NotConfigured."""
        return {"databases": self.history().path.stem, "contents": self.graph[0].parent.collection}

    def history(self) -> History:
        """The scan history of these databases. Raises NotConfigured."""
        targets = (self._mongo.target(Role.OLORIN), self._mongo.target(Role.BAYIT))
        return History(self._state, map(_identity, targets))


def _rows_by_key(
    history: History, references: Sequence[Reference], after: Place | None, limit: int, contains: str
) -> list[Row]:
    rows: list[Row] = []
    for reference in _from(references, after):
        here = after is not None and after.key.reference == reference.key
        start = (after.key.value, after.key.type) if after is not None and here else ("", "")
        rows += history.page(reference.key, start, limit - len(rows), contains)
        if len(rows) >= limit:
            break
    return rows


def _from(references: Sequence[Reference], after: Place | None) -> Sequence[Reference]:
    keys = [reference.key for reference in references]
    begins = after is not None and after.key.reference in keys
    return references[keys.index(after.key.reference) :] if after is not None and begins else references


def _identity(target: MongoTarget) -> str:
    """Servers and database, without the user: who looks makes no other history."""
    return f"{target.server}/{target.database}"
