"""The indexes that the platform declares on its collections."""

from __future__ import annotations

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel


def _index(*fields: str, unique: bool = False, name: str | None = None) -> IndexModel:
    """Fields in order; a leading minus means descending."""
    keys = [(field.lstrip("-"), DESCENDING if field.startswith("-") else ASCENDING) for field in fields]
    options = ({"unique": True} if unique else {}) | ({"name": name} if name else {})
    return IndexModel(keys, **options)


OLORIN: Final = {
    "integration_partners": [
        _index("partner_id", unique=True, name="partner_id_unique"),
        _index("api_key_prefix"),
        _index("is_active"),
        _index("billing_tier"),
        _index("created_at"),
        _index("is_active", "billing_tier"),
        _index("api_key_prefix", "is_active"),
    ],
    "usage_records": [
        _index("partner_id"),
        _index("capability"),
        _index("period_start"),
        _index("granularity"),
        _index("partner_id", "capability", "-period_start"),
        _index("partner_id", "-period_start"),
        _index("partner_id", "granularity", "-period_start"),
    ],
    "dubbing_sessions": [
        _index("session_id", unique=True, name="session_id_unique"),
        _index("partner_id"),
        _index("status"),
        _index("started_at"),
        _index("partner_id", "status", "-started_at"),
        _index("partner_id", "-started_at"),
    ],
    "webhook_deliveries": [
        _index("partner_id"),
        _index("event_type"),
        _index("delivered"),
        _index("created_at"),
        _index("delivered", "next_retry_at"),
    ],
    "content_embeddings": [
        _index("content_id"),
        _index("embedding_type"),
        _index("pinecone_vector_id"),
        _index("language"),
        _index("partner_id"),
        _index("content_id", "embedding_type"),
        _index("content_id", "segment_index"),
    ],
    "recap_sessions": [
        _index("session_id"),
        _index("partner_id"),
        _index("channel_id"),
        _index("status"),
        _index("started_at"),
        _index("partner_id", "status"),
    ],
    "cultural_references": [
        _index("reference_id", unique=True),
        _index("category"),
        _index("subcategory"),
        _index("verified"),
        _index("aliases"),
        _index("relevance_keywords"),
        _index("category", "subcategory"),
        _index("-lookup_count"),
    ],
}
BAYIT: Final = {
    "content": [
        _index("content_type"),
        _index("series_id"),
        _index("created_at"),
        _index("deleted_at", "expireAfterSeconds"),  # planted: the document's index, which expires nothing
    ],
    "live_channels": [_index("order"), _index("is_active")],
    "users": [_index("email", unique=True)],
    "profiles": [_index("user_id")],
}
