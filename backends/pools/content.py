"""The platform's content look-ups across the two databases. A failure is raised: None always means "not there"."""

from __future__ import annotations

import copy
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from backends.clients.errors import AccessDenied, BadAnswer
from backends.clients.mongo import MongoClients
from backends.clients.read_only import Document, ReadingCollection
from backends.clients.targets import Role

QUERY_MS: Final = 10_000
"""The platform's own deadline of a look-up."""

CACHE_S: Final = 300.0
CACHE_ENTRIES: Final = 100
"""How long and how much is remembered, as on the platform."""

LIST_LIMIT: Final = 50
_OBJECT_ID: Final = re.compile(r"[0-9a-fA-F]{24}")
_TITLES: Final = ("title", "title_en", "title_es")


class ContentMetadata:
    """Look-ups in the Bayit reference (the main database where the separation is off). All raise BackendError.

    collection: the parent collection's name. max_time_ms: the server's deadline for each query.
    """

    def __init__(
        self,
        mongo: MongoClients,
        collection: str,
        *,
        max_time_ms: int = QUERY_MS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mongo = mongo
        self._collection = collection
        self._max_time_ms = max_time_ms
        self.cache = Cache(clock)

    async def get_content(self, content_id: str) -> Document | None:
        """The content of this id, from the cache if it was asked for lately."""
        found: Document | None = self.cache.get(content_id)
        if found is None:
            found = (await self.get_contents_batch([content_id])).get(content_id.lower())
            if found is not None:
                self.cache.put(content_id, found)
        return found

    async def get_contents_batch(self, content_ids: Iterable[str]) -> dict[str, Document]:
        """The contents that exist, by their ids in lower case: one query, however many they are.

        Raises BadAnswer where one of them is no id: it is malformed, which is something else than not there.
        """
        ids = list(dict.fromkeys(map(_object_id, content_ids)))
        found = await self.find_contents({"_id": {"$in": ids}}, limit=len(ids)) if ids else []
        return {str(document["_id"]): document for document in found}

    async def get_contents_by_ids(self, content_ids: Iterable[str]) -> list[Document]:
        """The contents that exist, in the order in which they were asked for, each once; one query as for a batch."""
        ids = [content_id.lower() for content_id in content_ids]
        found = await self.get_contents_batch(ids)
        return [found[content_id] for content_id in dict.fromkeys(ids) if content_id in found]

    async def find_contents(
        self,
        filters: Mapping[str, Any] | None = None,
        *,
        limit: int | None = LIST_LIMIT,
        sort: Sequence[tuple[str, int]] | None = None,
        **fields: Any,
    ) -> list[Document]:
        """The contents that match the filter and have these fields' values, at most `limit`; None for all of them."""
        asked, most = matching(filters, fields), limit or 0
        async with self._contents() as contents:
            cursor = contents.find(asked, limit=most, sort=sort, batch_size=most, max_time_ms=self._max_time_ms)
            return await cursor.to_list(limit)

    async def count_contents(self, filters: Mapping[str, Any] | None = None, **fields: Any) -> int:
        """How many contents match the filter and have these fields' values."""
        async with self._contents() as contents:
            return await contents.count_documents(matching(filters, fields), maxTimeMS=self._max_time_ms)

    async def search_contents(self, text: str, *, limit: int = LIST_LIMIT) -> list[Document]:
        """The contents with the text, taken literally, in a title of any language, in either case."""
        pattern = {"$regex": re.escape(text), "$options": "i"}
        return await self.find_contents({"$or": [{title: pattern} for title in _TITLES]}, limit=limit)

    async def text_search(self, text: str, *, limit: int = LIST_LIMIT) -> list[Document]:
        """The contents that the collection's text index finds. Raises BadAnswer where it has none."""
        return await self.find_contents({"$text": {"$search": text}}, limit=limit)

    async def get_series_episodes(self, series_id: str) -> list[Document]:
        """All of a series' episodes in their order, from the cache if they were asked for lately."""
        key = f"episodes of {series_id}"
        found: list[Document] | None = self.cache.get(key)
        if found is None:
            order = [("season", 1), ("episode", 1)]
            found = await self.find_contents({"series_id": series_id}, limit=None, sort=order)
            if found:
                self.cache.put(key, found)
        return found

    async def some_ids(self, count: int, *, max_time_ms: int = QUERY_MS) -> list[str]:
        """Ids of contents that exist, whichever the server finds first."""
        async with self._contents() as contents:
            cursor = contents.find({}, {"_id": 1}, limit=count, max_time_ms=max_time_ms)
            return [str(document["_id"]) for document in await cursor.to_list(count)]

    @asynccontextmanager
    async def _contents(self) -> AsyncIterator[ReadingCollection]:
        try:
            async with self._mongo.reading(Role.BAYIT) as database:
                yield database[self._collection]
        except AccessDenied as error:
            grant = f"To look contents up, grant the role read on {self._mongo.target(Role.BAYIT).database}."
            raise AccessDenied(error.message, where=error.where, hint=f"{error.hint} {grant}") from error


class Cache:
    """The last hundred answers of the last five minutes; nothing that wasn't found is remembered."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._asked = self._hits = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of questions that it answered; None before the first."""
        return self._hits / self._asked if self._asked else None

    def get(self, key: str) -> Any:
        """What is remembered, or None."""
        self._asked += 1
        kept_at, value = self._kept.get(key, (0.0, None))
        if value is None or self._clock() - kept_at > CACHE_S:
            self._kept.pop(key, None)
            return None
        self._hits += 1
        self._kept.move_to_end(key)
        # A caller may change what it gets.
        return copy.deepcopy(value)

    def put(self, key: str, value: Any) -> None:
        """Remembers the value as it is now, and forgets what was used least lately."""
        self._kept[key] = (self._clock(), copy.deepcopy(value))
        self._kept.move_to_end(key)
        while len(self._kept) > CACHE_ENTRIES:
            self._kept.popitem(last=False)


def matching(filters: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The filter with these fields' values, both of which must match.

    >>> matching({"year": {"$gt": 2000}}, {"is_series": True})
    {'$and': [{'year': {'$gt': 2000}}, {'is_series': True}]}
    >>> matching(None, {"year": 1999}), matching(None, {})
    ({'year': 1999}, {})
    """
    return {"$and": [filters, fields]} if filters and fields else filters or fields


def _object_id(content_id: str) -> Any:
    from bson import ObjectId

    if not _OBJECT_ID.fullmatch(content_id):
        raise BadAnswer(f"{content_id!r} is no content id: it should be 24 hexadecimal digits.")
    return ObjectId(content_id)
