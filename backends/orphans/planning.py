"""Making the allow-list: what the history says of each missing parent, and what each of its documents says itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans import raw
from backends.orphans.allow_list import Draft, Item
from backends.orphans.clean_model import CleanOptions, Reason
from backends.orphans.exemptions import Exempt, asked_for
from backends.orphans.graph import BUSY, Parent, Reference
from backends.orphans.history import History, Row
from backends.orphans.model import ParentState
from backends.orphans.values import json_of, value_of

PARENTS: Final = 100
"""Missing parents whose documents are read together; longer lists of values cost more than they save."""

LOOK_UP: Final = 100
BATCH: Final = 1_000
"""Documents that are fetched together; they may be large."""

READ_MS: Final = 60_000
WITNESSES: Final = 50
"""Parents of each parent collection that a run asks for before every batch; where they go, it is not itself."""


class Listing:
    """Fills a draft with what may be removed of some references, in their order."""

    def __init__(
        self, mongo: MongoClients, history: History, options: CleanOptions, draft: Draft, now: datetime
    ) -> None:
        self._mongo = mongo
        self._history = history
        self._options = options
        self._draft = draft
        self._now = now
        self.planned: dict[str, int] = {}
        self.size_bytes: dict[str, int] = {}

    async def add(self, reference: Reference, exempt: Exempt) -> None:
        """Lists one reference's documents. Raises BackendError."""
        after = ("", "")
        while rows := await asyncio.to_thread(self._history.candidates, reference.key, after, PARENTS):
            judged = [(row, self._why_left_out(reference, row, exempt)) for row in rows]
            await asyncio.to_thread(self._leave_out, reference, judged)
            await self._list([row for row, reason in judged if reason is None], reference, exempt)
            after = (rows[-1]["value"], rows[-1]["type"])

    def _why_left_out(self, reference: Reference, row: Row, exempt: Exempt) -> Reason | None:
        """Why all documents of a missing parent stay; None where each is to be looked at."""
        state = ParentState(row["state"])
        asked_for = state is ParentState.SUSPENDED and row["value"] in self._options.suspended
        if state is not ParentState.GONE and not asked_for:
            return Reason(state.value)
        if self._options.parents and row["parent"] not in self._options.parents:
            return Reason.NOT_CHOSEN
        since = row["at"] if row["at"] is not None else row["first_seen"]
        if since > (self._now - self._options.grace).timestamp():
            return Reason.GRACE
        return Reason.EXEMPT if row["parent"] in exempt.parents else None

    def _leave_out(self, reference: Reference, judged: Sequence[tuple[Row, Reason | None]]) -> None:
        for row, reason in judged:
            if reason is not None:
                self._draft.leave_out(reference.name, reason, row["documents"], parent=row["value"])

    async def _list(self, rows: Sequence[Row], reference: Reference, exempt: Exempt) -> None:
        values = [value_of(row["value"], row["type"]) for row in rows]
        if not values:
            return
        async with self._mongo.reading(Role.OLORIN) as database:
            batches = database[reference.collection].find_raw_batches(
                {reference.field: {"$in": values}}, batch_size=BATCH, max_time_ms=READ_MS
            )
            async for batch in batches:
                found = [raw.document(each) for each in raw.split(batch)]
                ids = [each["_id"] for each in found]
                spared = await exempt_ids(self._mongo, reference.collection, ids, exempt)
                await asyncio.to_thread(self._add, found, reference, spared)

    def _add(self, found: Sequence[Any], reference: Reference, spared: set[str]) -> None:
        for document in found:
            reason = self._document_stays(document, reference, spared)
            if reason is None:
                size_bytes = len(document.raw)
                item = Item(document["_id"], document[reference.field], raw.hash_of(document.raw), size_bytes)
                if self._draft.add(reference.name, item):
                    self.planned[reference.name] = self.planned.get(reference.name, 0) + 1
                    self.size_bytes[reference.name] = self.size_bytes.get(reference.name, 0) + size_bytes
                    continue
                reason = Reason.LISTED
            self._draft.leave_out(reference.name, reason, 1, id=json_of(document["_id"]))

    def _document_stays(self, document: Any, reference: Reference, spared: set[str]) -> Reason | None:
        if json_of(document["_id"]) in spared:
            return Reason.EXEMPT
        # An orphan was first seen no earlier than it was made, however long its parent is missing.
        if self._options.grace_days and any(at > self._now - self._options.grace for at in times_of(document)):
            return Reason.GRACE
        if reference.holds_sessions and document.get("status") in BUSY:
            return Reason.ACTIVE
        most = self._options.most
        return Reason.LIMIT if most is not None and sum(self.planned.values()) >= most else None


def times_of(document: Mapping[str, Any]) -> Iterator[datetime]:
    """When the document was made, by all that tells it; nothing where nothing does.

    >>> from bson import ObjectId
    >>> [f"{at:%Y-%m-%d}" for at in times_of({"_id": ObjectId("6b017f7c056dda164d0b409d"), "created_at": None})]
    ['2026-11-21']
    >>> list(times_of({"_id": "slug"}))
    []
    """
    told = getattr(document["_id"], "generation_time", None), document.get("created_at")
    yield from (each for each in told if isinstance(each, datetime))


async def exempt_ids(mongo: MongoClients, collection: str, ids: Sequence[Any], exempt: Exempt) -> set[str]:
    """Those of the ids, as JSON, whose documents are exempt by id or by filter. Raises BackendError."""
    spared: set[str] = set()
    for exemption, query in exempt.queries:
        with asked_for(exemption):
            async with mongo.settled(Role.OLORIN) as database:
                for start in range(0, len(ids), LOOK_UP):
                    both = {"$and": [{"_id": {"$in": list(ids[start : start + LOOK_UP])}}, query]}
                    cursor = database[collection].find(both, {"_id": 1}, max_time_ms=READ_MS)
                    spared |= {json_of(each["_id"]) for each in await cursor.to_list(LOOK_UP)}
    return spared


async def witnesses(mongo: MongoClients, parent: Parent) -> list[str]:
    """Some parents, as JSON, chosen by chance; all of them where there are few. Raises BackendError."""
    pipeline = [{"$sample": {"size": WITNESSES}}, {"$project": {parent.key: 1}}]
    async with mongo.reading(parent.role) as database:
        found = await database[parent.collection].aggregate(pipeline, maxTimeMS=READ_MS).to_list(WITNESSES)
    return sorted(json_of(each[parent.key]) for each in found if parent.key in each)
