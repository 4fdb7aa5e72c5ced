"""Indexes: as a server says them, compared by what they do, and those that the platform's models declare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from backends.migrations.olorin.model import IndexDifference
from backends.migrations.separation import index_text

Index = Mapping[str, Any]

_NOT_COMPARED: Final = frozenset({"v", "ns", "name", "background"})
"""What may differ between two indexes that do the same."""

DECLARED: Final[Mapping[str, tuple[str, ...]]] = {
    "integration_partners": (
        "partner_id unique partner_id_unique", "api_key_prefix", "is_active", "billing_tier", "created_at",
        "is_active,billing_tier", "api_key_prefix,is_active",
    ),
    "usage_records": (
        "partner_id", "capability", "period_start", "granularity", "partner_id,capability,-period_start",
        "partner_id,-period_start", "partner_id,granularity,-period_start",
    ),
    "dubbing_sessions": (
        "session_id unique session_id_unique", "partner_id", "status", "started_at", "partner_id,status,-started_at",
        "partner_id,-started_at",
    ),
    "webhook_deliveries": ("partner_id", "event_type", "delivered", "created_at", "delivered,next_retry_at"),
    "content_embeddings": (
        "content_id", "embedding_type", "pinecone_vector_id", "language", "partner_id", "content_id,embedding_type",
        "content_id,segment_index",
    ),
    "recap_sessions": ("session_id", "partner_id", "channel_id", "status", "started_at", "partner_id,status"),
    "cultural_references": (
        "reference_id unique", "category", "subcategory", "verified", "aliases", "relevance_keywords",
        "category,subcategory", "-lookup_count",
    ),
}  # fmt: skip
"""The indexes that the platform's models declare: fields in order, a leading minus for descending; the name of those
that are not named after their fields, since the platform would not start on an index of another name."""


def declared(name: str) -> list[Index]:
    """The indexes that the platform declares on the collection, as a server would say them.

    >>> declared("content_embeddings")[-1]
    {'key': {'content_id': 1, 'segment_index': 1}, 'name': 'content_id_1_segment_index_1'}
    """
    return [_index(text) for text in DECLARED[name]]


def differences(source: Sequence[Index], target: Sequence[Index]) -> tuple[IndexDifference, ...]:
    """The source's indexes that the target lacks or has otherwise."""
    there = {_pattern(each): each for each in target}
    same = {_done(each) for each in target}
    return tuple(
        IndexDifference(said(each), "different" if _pattern(each) in there else "missing")
        for each in source
        if not _is_id(each) and _done(each) not in same
    )


def lacking(wanted: Sequence[Index], there: Sequence[Index]) -> tuple[Index, ...]:
    """The wanted indexes on whose fields, in whose order, there is none yet, or one that does not keep them unique."""
    patterns = {_pattern(each): bool(each.get("unique")) for each in there}
    return tuple(
        each
        for each in wanted
        if not _is_id(each)
        and (_pattern(each) not in patterns or (each.get("unique") and not patterns[_pattern(each)]))
    )


def said(index: Index) -> str:
    """An index as people are told it."""
    return index_text({**index, "key": list(index["key"].items())})


def to_build(index: Index) -> dict[str, Any]:
    """An index as it is given to the server that is to build it, with all of its options."""
    return {key: value for key, value in index.items() if key not in {"ns", "v"}}


def _index(text: str) -> Index:
    fields, unique, name = (*text.split(" "), "", "")[:3]
    key = {field.lstrip("-"): -1 if field.startswith("-") else 1 for field in fields.split(",")}
    usual = "_".join(f"{field}_{order}" for field, order in key.items())
    return {"key": key, "name": name or usual, **({"unique": True} if unique else {})}


def _is_id(index: Index) -> bool:
    return list(index["key"]) == ["_id"]


def _pattern(index: Index) -> str:
    return json.dumps([[field, _plain(order)] for field, order in index["key"].items()], default=str)


def _done(index: Index) -> str:
    """All that an index does, whatever it is called; orders and options of equal value are equal."""
    options = {
        name: _plain(value)
        for name, value in index.items()
        if name not in _NOT_COMPARED and name != "key" and value is not False
    }
    return _pattern(index) + json.dumps(options, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
