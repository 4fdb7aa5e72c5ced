"""What is asked about one parent just now: is it really not there, and what else names it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.graph import Parent, Reference
from backends.orphans.model import Evidence, OtherReference, ParentKey, ParentState
from backends.orphans.values import folded_id, spellings, value_of
from backends.safety.secrets import mask
from backends.safety.text import display_text

ANSWER_MS: Final = 5_000

COUNTED: Final = 10_000
"""Documents that are counted at most to tell how often a parent is named elsewhere."""


async def prove(mongo: MongoClients, reference: Reference, key: ParentKey, now: Callable[[], datetime]) -> Evidence:
    """Looks the parent up, by what its reference can name. Raises BackendError."""
    parent, value = reference.parent, value_of(key.value, key.type)
    queries = queries_for(parent, value)
    asked = display_text(mask(f"{parent.collection}: {' or '.join(map(str, queries)) or 'nothing can be asked'}"))
    started = time.perf_counter()
    found = None
    async with mongo.settled(parent.role) as database:
        for query in queries:
            fields = {parent.key: 1, parent.marked_by: 1}
            found = found or await database[parent.collection].find_one(query, fields, max_time_ms=ANSWER_MS)
    took_ms = (time.perf_counter() - started) * 1000
    if found is None:
        state = ParentState.GONE if queries else ParentState.MALFORMED
        return Evidence(parent.collection, asked, state, now(), took_ms)
    mark = found.get(parent.marked_by)
    state = ParentState.ALIVE if mark is None else parent.mark
    return Evidence(parent.collection, asked, state, now(), took_ms, mark if isinstance(mark, datetime) else None)


def queries_for(parent: Parent, value: Any) -> list[dict[str, Any]]:
    """What finds the parent of a reference: by its id in any spelling, and by the text itself; none for no name."""
    if not parent.by_object_id:
        return [{parent.key: {"$eq": value}}] if type(value) is str and value else []
    from bson import ObjectId

    folded = folded_id(value)
    by_id = [{"_id": ObjectId(folded)}] if folded is not None else []
    return by_id + ([{"_id": {"$eq": value}}] if type(value) is str else [])


async def others(
    mongo: MongoClients, graph: Sequence[Reference], reference: Reference, key: ParentKey
) -> tuple[OtherReference, ...]:
    """What else names the same parent, with how many documents do: other references, and this one in other spellings.

    Raises BackendError.
    """
    value = value_of(key.value, key.type)
    folded = folded_id(value) if reference.parent.by_object_id else None
    named = [value] if folded is None else [*dict.fromkeys((*spellings(folded), value))]
    same = [(each.name, each, named) for each in graph if each.parent == reference.parent and each != reference]
    if other := [each for each in named if each != value]:
        same.append((f"{reference.name} in other spellings", reference, other))
    return tuple(await asyncio.gather(*(_named_by(mongo, *each) for each in same)))


async def _named_by(mongo: MongoClients, name: str, reference: Reference, named: Sequence[Any]) -> OtherReference:
    # $eq takes a value as it is, also one that looks like an operator or a pattern.
    query = {"$or": [{reference.field: {"$eq": each}} for each in named]}
    async with mongo.settled(Role.OLORIN) as database:
        count = await database[reference.collection].count_documents(query, limit=COUNTED + 1, maxTimeMS=ANSWER_MS)
    return OtherReference(name, min(count, COUNTED), count > COUNTED)
