"""What is looked at one page at a time: sizes of missing parents, documents of one, one document as text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from backends.clients.errors import BackendError, NotThere
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.graph import Reference
from backends.orphans.history import Row, parent_key
from backends.orphans.model import (
    SOFT_DELETE_KEPT,
    DocumentPage,
    MissingParent,
    Node,
    ParentKey,
    ParentState,
    ReferringDocument,
)
from backends.orphans.values import json_of, value_of
from backends.safety.secrets import is_secret_name, mask, masked
from backends.safety.text import display_text
from backends.sampling.words import counted

SIZED_DOCUMENTS: Final = 1_000
"""Documents up to which a parent's bytes are asked for; summing more would read too much for a page."""

SORTED_DOCUMENTS: Final = 20_000
"""Documents of one parent up to which a server sorts them for each page: no index of the platform has them by id."""

SIZE_LIST: Final = 100
ANSWER_MS: Final = 5_000
NODES: Final = 20_000
"""Values of one document that are shown; a recap may hold five thousand segments of five."""

VALUE_LIMIT: Final = 5_000
"""Characters of one value that are shown."""

DEEPEST: Final = 100
"""Levels of nesting at which masking stops and cuts: the platform's documents have four, Mongo allows a hundred."""


class Size(NamedTuple):
    """What one parent's documents come to: bytes, and the first and last time that their ids name."""

    size_bytes: int
    oldest: datetime | None = None
    newest: datetime | None = None


def missing_parent(reference: Reference, row: Row) -> MissingParent:
    """The row of the history as it is shown, its size not told."""
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
        vanishes_at=at + SOFT_DELETE_KEPT if at is not None and state is ParentState.SOFT_DELETED else None,
    )


def with_size(parent: MissingParent, sized: Size | None) -> MissingParent:
    """The parent with what its documents come to; as it is where that is not known."""
    if sized is None:
        return parent
    return replace(parent, size_bytes=sized.size_bytes, oldest=sized.oldest, newest=sized.newest)


async def sizes(mongo: MongoClients, reference: Reference, parents: Sequence[MissingParent]) -> dict[str, Size]:
    """Sizes of the documents by missing parent, of those where that is cheap to tell; fewer when it can't be told."""
    # Only texts: in a list of values Mongo takes a pattern or an operator for what it does, not for what it is.
    cheap = (each.key.value for each in parents if each.documents <= SIZED_DOCUMENTS and each.key.type == "string")
    sized: dict[str, Size] = {}
    try:
        while part := list(islice(cheap, SIZE_LIST)):
            sized |= await _summed(mongo, reference, part)
    except BackendError:
        # Sizes are an extra: a page without them is better than none.
        return sized
    return sized


async def _summed(mongo: MongoClients, reference: Reference, values: list[str]) -> dict[str, Size]:
    pipeline: list[dict[str, Any]] = [
        {"$match": {reference.field: {"$in": values}}},
        {"$group": {"_id": f"${reference.field}", "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}, **_FIRST_AND_LAST}},
    ]
    async with mongo.reading(Role.OLORIN) as database:
        cursor = database[reference.collection].aggregate(pipeline, maxTimeMS=ANSWER_MS)
        return {each["_id"]: _size(each) for each in await cursor.to_list(None) if type(each["_id"]) is str}


_FIRST_AND_LAST: Final = {"first": {"$min": "$_id"}, "last": {"$max": "$_id"}}


def _size(group: Mapping[str, Any]) -> Size:
    return Size(int(group["bytes"]), *(getattr(group[end], "generation_time", None) for end in ("first", "last")))


async def documents(
    mongo: MongoClients, reference: Reference, key: ParentKey, after: str | None, limit: int, *, many: bool = False
) -> DocumentPage:
    """A page of the documents that refer to the parent, in `_id` order after `after`. Raises BackendError.

    many: it has so many that passing over the ids, up to a full page, costs less than sorting its documents.
    """
    # $eq takes the value as it is, also one that looks like an operator or a pattern.
    filter_: dict[str, Any] = {reference.field: {"$eq": value_of(key.value, key.type)}}
    if after is not None:
        filter_["_id"] = {"$gt": value_of(after, "json")}
    async with mongo.reading(Role.OLORIN) as database:
        cursor = database[reference.collection].find(
            filter_, dict.fromkeys(reference.shown, 1), max_time_ms=ANSWER_MS, limit=limit + 1
        )
        found = await (cursor.hint("_id_") if many else cursor).sort("_id", 1).to_list(limit + 1)
    items = tuple(_referring(document, reference) for document in found[:limit])
    return DocumentPage(items, items[-1].key if len(found) > limit else None)


def _referring(document: Mapping[str, Any], reference: Reference) -> ReferringDocument:
    cells = tuple((name, _cell(document.get(name))) for name in reference.shown)
    return ReferringDocument(json_of(document["_id"]), display_text(mask(str(document["_id"]))), cells)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return display_text(mask(str(value)))


async def document(mongo: MongoClients, reference: Reference, key: str) -> tuple[Node, ...]:
    """One document as a tree, safe to show. Raises BackendError, NotThere where it is gone."""
    async with mongo.reading(Role.OLORIN) as database:
        found = await database[reference.collection].find_one({"_id": value_of(key, "json")}, max_time_ms=ANSWER_MS)
    if found is None:
        raise NotThere("The document is gone.", hint="It was deleted since the page was read.")
    return await asyncio.to_thread(tree, found)


def tree(found: Mapping[str, Any]) -> tuple[Node, ...]:
    """The document flattened, its secrets masked by name and by value, and nothing in it that a terminal obeys."""
    return tuple(islice(nodes(_without_secrets(found)), NODES))


def nodes(value: Mapping[str, Any] | list[Any], depth: int = 0) -> Iterator[Node]:
    """The values of a document from the top, each before what lies in it; values as canonical extended JSON.

    >>> [node.text for node in nodes({"a": [1, {"b": "x"}]})]
    ['2 values', '{"$numberInt": "1"}', '1 field', '"x"']
    """
    for name, each in value.items() if isinstance(value, Mapping) else enumerate(value):
        named = display_text(mask(f"{name}"))
        if isinstance(each, Mapping | list) and each:
            what = counted(len(each), "field" if isinstance(each, Mapping) else "value")
            yield Node(depth, named, what, inner=True)
            yield from nodes(each, depth + 1)
        else:
            yield Node(depth, named, display_text(mask(_text(each)), VALUE_LIMIT))


def _text(value: object) -> str:
    from bson import json_util

    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False)


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
