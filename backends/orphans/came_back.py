"""Contents that are there again after a clean-up removed their embeddings: no search finds them until embedded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.exemptions import identity
from backends.orphans.graph import EMBEDDINGS, Parent, Reference
from backends.orphans.parents import key_of
from backends.orphans.quarantine import LOOK_UP, about_name, parts
from backends.orphans.values import spellings, text_of

LISTED: Final = 1_000
"""Contents that are named at most."""

READ: Final = 5_000
ANSWER_MS: Final = 10_000


async def to_index(mongo: MongoClients, content: Reference, run_id: str, most: int = LISTED) -> tuple[str, ...]:
    """At most so many contents that are alive again, whose embeddings the run removed, and that nobody embedded since.

    content: the reference of embeddings to contents. Raises BackendError.
    """
    found: list[str] = []
    async for removed in _removed(mongo, content, run_id):
        for part in parts(list(removed)):
            alive = await _alive(mongo, content.parent, part)
            done = await _embedded_since(mongo, content, alive, removed)
            found += [each for each in alive if each not in done]
            if len(found) >= most:
                return tuple(found[:most])
    return tuple(found)


async def _removed(mongo: MongoClients, content: Reference, run_id: str) -> AsyncIterator[Mapping[str, datetime]]:
    """The contents of the run's embeddings, in lists: content → when its embeddings were removed; each once."""
    seen: set[str] = set()
    async with mongo.settled(Role.OLORIN) as database:
        cursor = database[about_name(run_id)].find(
            {"_id.c": EMBEDDINGS, "field": content.field}, {"parent": 1, "at": 1, "_id": 0}, batch_size=READ
        )
        while said := await cursor.to_list(READ):
            listed = {identity(text_of(each["parent"])[0]): each["at"] for each in said}
            yield {name: at for name, at in listed.items() if name not in seen}
            seen |= listed.keys()


async def _alive(mongo: MongoClients, parent: Parent, names: Sequence[str]) -> list[str]:
    keys = {key: name for name in names for key in key_of(parent, name) or ()}
    async with mongo.settled(parent.role) as database:
        query = {parent.key: {"$in": list(keys)}, parent.marked_by: None}
        cursor = database[parent.collection].find(query, {parent.key: 1}, max_time_ms=ANSWER_MS)
        return sorted({keys[each[parent.key]] for each in await cursor.to_list(LOOK_UP)})


async def _embedded_since(
    mongo: MongoClients, content: Reference, names: Sequence[str], removed: Mapping[str, datetime]
) -> set[str]:
    """Those of the contents that have a row which is newer than the removal."""
    if not names:
        return set()
    since = min(removed[name] for name in names)
    query = {content.field: {"$in": [each for name in names for each in spellings(name)]}, "updated_at": {"$gt": since}}
    fields = {content.field: 1, "updated_at": 1, "_id": 0}
    async with mongo.settled(Role.OLORIN) as database:
        rows: list[dict[str, Any]] = await database[EMBEDDINGS].find(query, fields, max_time_ms=ANSWER_MS).to_list(READ)
    told = [(identity(text_of(row[content.field])[0]), row["updated_at"]) for row in rows]
    return {name for name, at in told if at > removed[name]}
