"""What is looked at one page at a time: sizes of missing parents, documents of one, one document as text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from backends.clients.errors import BackendError, NotThere
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.graph import Reference
from backends.orphans.history import Row, parent_key
from backends.orphans.model import (
    SOFT_DELETE_KEPT,
    DocumentPage,
    MissingParent,
    ParentKey,
    ParentState,
    ReferringDocument,
)
from backends.orphans.values import value_of
from backends.safety.secrets import is_secret_name, mask, masked
from backends.safety.text import display_block, display_text

SIZED_DOCUMENTS: Final = 1_000
"""Documents up to which a parent's bytes are asked for; summing more would read too much for a page."""

SIZE_LIST: Final = 100
ANSWER_MS: Final = 5_000
DEEPEST: Final = 100
"""Levels of nesting at which masking stops and cuts: the platform's documents have four, Mongo allows a hundred."""


def missing_parent(reference: Reference, row: Row, size_bytes: int | None) -> MissingParent:
    """The row of the history as it is shown."""
    state = ParentState(row["state"])
    at = datetime.fromtimestamp(row["at"], UTC) if row["at"] is not None else None
    return MissingParent(
        parent_key(row),
        reference.collection,
        reference.field,
        display_text(mask(row["value"])),
        state,
        row["documents"],
        datetime.fromtimestamp(row["first_seen"], UTC),
        datetime.fromtimestamp(row["last_seen"], UTC),
        size_bytes,
        at + SOFT_DELETE_KEPT if at is not None and state is ParentState.SOFT_DELETED else None,
    )


async def sizes(mongo: MongoClients, reference: Reference, rows: Sequence[Row]) -> dict[str, int]:
    """Bytes of the documents by missing parent, of those where that is cheap to tell; fewer when it can't be told."""
    # Only texts: in a list of values Mongo takes a pattern or an operator for what it does, not for what it is.
    cheap = (row["value"] for row in rows if row["documents"] <= SIZED_DOCUMENTS and row["type"] == "string")
    sized: dict[str, int] = {}
    try:
        while part := list(islice(cheap, SIZE_LIST)):
            sized |= await _summed(mongo, reference, part)
    except BackendError:
        # Sizes are an extra: a page without them is better than none.
        return sized
    return sized


async def _summed(mongo: MongoClients, reference: Reference, values: list[str]) -> dict[str, int]:
    pipeline: list[dict[str, Any]] = [
        {"$match": {reference.field: {"$in": values}}},
        {"$group": {"_id": f"${reference.field}", "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}},
    ]
    async with mongo.reading(Role.OLORIN) as database:
        cursor = database[reference.collection].aggregate(pipeline, maxTimeMS=ANSWER_MS)
        return {each["_id"]: int(each["bytes"]) for each in await cursor.to_list(None) if type(each["_id"]) is str}


async def documents(
    mongo: MongoClients, reference: Reference, key: ParentKey, after: str | None, limit: int
) -> DocumentPage:
    """A page of the documents that refer to the parent, in `_id` order after `after`. Raises BackendError."""
    # $eq takes the value as it is, also one that looks like an operator or a pattern.
    filter_: dict[str, Any] = {reference.field: {"$eq": value_of(key.value, key.type)}}
    if after is not None:
        filter_["_id"] = {"$gt": value_of(after, "json")}
    async with mongo.reading(Role.OLORIN) as database:
        cursor = database[reference.collection].find(
            filter_, dict.fromkeys(reference.shown, 1), max_time_ms=ANSWER_MS, limit=limit + 1
        )
        found = await cursor.sort("_id", 1).to_list(limit + 1)
    items = tuple(_referring(document, reference) for document in found[:limit])
    return DocumentPage(items, items[-1].key if len(found) > limit else None)


def _referring(document: Mapping[str, Any], reference: Reference) -> ReferringDocument:
    cells = tuple((name, _cell(document.get(name))) for name in reference.shown)
    return ReferringDocument(_json(document["_id"]), display_text(mask(str(document["_id"]))), cells)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return display_text(mask(str(value)))


async def document(mongo: MongoClients, reference: Reference, key: str) -> str:
    """One document as canonical extended JSON, safe to show. Raises BackendError, NotThere where it is gone."""
    async with mongo.reading(Role.OLORIN) as database:
        found = await database[reference.collection].find_one({"_id": value_of(key, "json")}, max_time_ms=ANSWER_MS)
    if found is None:
        raise NotThere("The document is gone.", hint="It was deleted since the page was read.")
    return await asyncio.to_thread(document_text, found)


def document_text(found: Mapping[str, Any]) -> str:
    """The document as text with its secrets masked by name and by value, and nothing that a terminal obeys."""
    from bson import json_util

    text = json_util.dumps(
        _without_secrets(found), json_options=json_util.CANONICAL_JSON_OPTIONS, indent=2, ensure_ascii=False
    )
    return display_block(mask(text))


def _without_secrets(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {name: _unless_secret(name, each, depth) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each, depth + 1) for each in value]
    return value


def _unless_secret(name: str, value: Any, depth: int) -> Any:
    if is_secret_name(name) and isinstance(value, str | bytes | int | float):
        return masked(str(value))
    return _without_secrets(value, depth + 1)


def _json(value: object) -> str:
    from bson import json_util

    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
