"""Asking for parents at the moment of deletion: which of them are there, and whether their collection is itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from backends.clients.errors import AccessDenied, BadAnswer, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.orphans.checks import SHRUNK, shrunk, shrunk_words
from backends.orphans.graph import Parent
from backends.orphans.values import folded_id, text_of, value_of

LOOK_UP: Final = 100
READ_MS: Final = 10_000


class Parents:
    """Looks parents up. suspended: names of those whose suspension was asked to count as missing."""

    def __init__(self, mongo: MongoClients, suspended: Collection[str] = ()) -> None:
        self._mongo = mongo
        self._suspended = frozenset(suspended)

    async def there(self, parent: Parent, values: Sequence[Any]) -> set[tuple[str, str]]:
        """Those of the references' values, as `text_of` makes them, whose parent is there, deleted softly or not.

        Raises Refused where the collection can't be read, other BackendErrors where nobody answers.
        """
        wanted = {text_of(value): key for value in values if (key := key_of(parent, value)) is not None}
        keys = list(dict.fromkeys(key for pair in wanted.values() for key in pair))
        parts = [keys[start : start + LOOK_UP] for start in range(0, len(keys), LOOK_UP)]
        found = set().union(*await asyncio.gather(*(self._found(parent, part) for part in parts)))
        return {text for text, pair in wanted.items() if not found.isdisjoint(pair)}

    async def check(self, parent: Parent, witnesses: Sequence[str]) -> None:
        """Raises Refused where the parents that a plan saw are not there any more: it is another collection by now."""
        keys = [value_of(each, "json") for each in witnesses]
        found = await self._found(parent, keys, every=True)
        if len(found) < len(keys) * (1 - SHRUNK):
            said = f"Of {len(keys)} parents that the plan saw in {parent.collection}, {len(found)} are there."
            raise Refused(said, hint="Nothing was removed by this batch. Is it the right database, and whole?")

    async def check_count(self, parent: Parent, before: int) -> None:
        """Raises Refused where the collection shrank by more than it may since the plan."""
        with unreadable(parent):
            async with self._mongo.settled(parent.role) as database:
                now = await database[parent.collection].estimated_document_count(maxTimeMS=READ_MS)
        if not now:
            raise Refused(f"{parent.collection} is empty.", hint="Is this the right database?")
        if shrunk(before, now):
            raise Refused(shrunk_words(parent.collection, before, now), hint="Scan again, and look at what is missing.")

    async def _found(self, parent: Parent, keys: Sequence[Any], *, every: bool = False) -> set[Any]:
        if not keys:
            return set()
        fields = {parent.key: 1, parent.marked_by: 1}
        with unreadable(parent):
            async with self._mongo.settled(parent.role) as database:
                cursor = database[parent.collection].find(
                    {parent.key: {"$in": list(keys)}}, fields, max_time_ms=READ_MS
                )
                found = await cursor.to_list(None)
        return {each[parent.key] for each in found if every or not self._counts_as_missing(parent, each)}

    def _counts_as_missing(self, parent: Parent, found: Mapping[str, Any]) -> bool:
        return found.get(parent.marked_by) is not None and found[parent.key] in self._suspended


def key_of(parent: Parent, value: Any) -> tuple[Any, ...] | None:
    """The keys under which the parent of a reference may be found; None where nothing can be named so.

    >>> from backends.orphans.graph import PARTNERS
    >>> key_of(PARTNERS, "acme"), key_of(PARTNERS, 5)
    (('acme',), None)
    """
    if not parent.by_object_id:
        return (value,) if type(value) is str and value else None
    from bson import ObjectId

    folded = folded_id(value)
    keys = ([ObjectId(folded)] if folded is not None else []) + ([value] if type(value) is str else [])
    return tuple(keys) or None


@contextmanager
def unreadable(parent: Parent) -> Iterator[None]:
    """Turns parents that can't be read into Refused: what can't be asked for is not missing."""
    try:
        yield
    except (AccessDenied, NotThere, BadAnswer) as error:
        hint = "Nothing was removed by this batch."
        raise Refused(f"{parent.collection} can't be read: {error.message}", where=error.where, hint=hint) from error
