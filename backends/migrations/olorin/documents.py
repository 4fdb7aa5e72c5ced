"""What the platform's models take: documents that it would reject when it reads them from the new database."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Check = Callable[[Any], bool]
Document = Mapping[str, Any]

SEGMENTS: Final = 5_000
RECAPS: Final = 100

_EVENTS: Final = (
    "session.started", "session.ended", "usage.threshold_reached", "error.occurred", "partner.updated",
    "translation.started", "translation.progress", "translation.completed", "translation.failed",
)  # fmt: skip
_CATEGORIES: Final = (
    "person", "place", "event", "term", "organization", "holiday", "food", "slang", "law", "military", "media",
    "sport", "religion",
)  # fmt: skip


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model: what a value must be, in words, how that is checked, and whether it must be there."""

    name: str
    what: str
    check: Check
    required: bool = False
    nullable: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_amount(value) and value == int(value)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value) and value == int(value)


def _is_amount(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value) and value >= 0


def _is_time(value: Any) -> bool:
    # A time beyond the calendar comes as the driver's own type, which the platform can't read.
    return isinstance(value, datetime)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_email(value: Any) -> bool:
    """As far as its shape goes: something, an at sign, a host with a dot."""
    return _is_text(value) and _EMAIL.fullmatch(value) is not None


def _is_capability(value: Any) -> bool:
    """A capability's configuration: a flag, limits of at least one, settings."""
    if not _is_map(value) or not isinstance(value.get("enabled", True), bool):
        return False
    limits, settings = value.get("rate_limits", {}), value.get("custom_settings", {})
    return _is_map(limits) and _is_map(settings) and all(_is_count(each) and each >= 1 for each in limits.values())


def _texts(names: str, *, required: bool = False, nullable: bool = False) -> list[Field]:
    return [Field(name, "a text", _is_text, required, nullable) for name in names.split()]


def _counts(names: str) -> list[Field]:
    return [Field(name, "a whole number from 0", _is_count) for name in names.split()]


def _amounts(names: str, *, nullable: bool = False) -> list[Field]:
    return [Field(name, "a number from 0", _is_amount, nullable=nullable) for name in names.split()]


def _times(names: str, *, required: bool = False, nullable: bool = False) -> list[Field]:
    return [Field(name, "a time", _is_time, required, nullable) for name in names.split()]


def _flags(names: str) -> list[Field]:
    return [Field(name, "true or false", lambda value: isinstance(value, bool)) for name in names.split()]


def _lists(names: str, what: str = "texts", check: Check = _is_text) -> list[Field]:
    return [Field(name, f"a list of {what}", lambda value: _is_list_of(value, check)) for name in names.split()]


def _is_list_of(value: Any, check: Check) -> bool:
    return _is_list(value) and all(check(each) for each in value)


def _emails(names: str, *, required: bool = False, nullable: bool = False) -> list[Field]:
    return [Field(name, "an email address", _is_email, required, nullable) for name in names.split()]


def _numbers(names: str) -> list[Field]:
    return [Field(name, "a number", _is_number, nullable=True) for name in names.split()]


def _integers(names: str) -> list[Field]:
    return [Field(name, "a whole number", _is_integer, nullable=True) for name in names.split()]


def _word(name: str, words: Sequence[str], *, required: bool = False) -> Field:
    return Field(name, f"one of {', '.join(words)}", lambda value: value in words, required)


def _at_most(name: str, most: int) -> tuple[Field, Field]:
    return (
        Field(name, f"a list of at most {most:,}", lambda value: _is_list(value) and len(value) <= most),
        Field(name, "a list of maps", lambda value: _is_list_of(value, _is_map)),
    )


MODELS: Final[Mapping[str, Sequence[Field]]] = {
    "integration_partners": (
        *_texts("partner_id name api_key_hash api_key_prefix", required=True),
        *_emails("contact_email", required=True),
        *_emails("technical_contact_email billing_email", nullable=True),
        *_texts("name_en webhook_secret contact_name webhook_url description", nullable=True),
        *_texts("logo_url website_url suspension_reason", nullable=True),
        Field("capabilities", "a map", _is_map),
        Field(
            "capabilities",
            "a map of capabilities: flag, limits from 1, settings",
            lambda value: all(map(_is_capability, value.values())),
        ),
        _word("billing_tier", ("free", "standard", "enterprise")),
        Field("webhook_retry_count", "a whole number from 0 to 10", lambda value: _is_count(value) and value <= 10),
        *_amounts("monthly_usage_limit_usd", nullable=True),
        *_lists("webhook_events", "events", lambda value: value in _EVENTS),
        *_lists("progress_thresholds", "whole numbers", _is_integer),
        *_flags("is_active is_verified"),
        *_times("created_at updated_at"),
        *_times("suspended_at last_active_at", nullable=True),
    ),
    "usage_records": (
        *_texts("partner_id capability", required=True),
        *_counts("request_count tokens_consumed characters_processed sessions_created"),
        *_amounts("audio_seconds_processed estimated_cost_usd"),
        *_times("period_start period_end", required=True),
        *_times("created_at"),
        _word("granularity", ("hourly", "daily", "monthly")),
    ),
    "dubbing_sessions": (
        *_texts("session_id partner_id", required=True),
        *_texts("source_language target_language"),
        *_texts("voice_id error_message client_ip client_user_agent", nullable=True),
        *_numbers("avg_stt_latency_ms avg_translation_latency_ms avg_tts_latency_ms avg_total_latency_ms"),
        *_counts("segments_processed characters_translated characters_synthesized error_count reconnection_count"),
        *_amounts("audio_seconds_processed estimated_cost_usd"),
        _word("status", ("active", "paused", "ended", "error")),
        *_times("started_at last_activity_at"),
        *_times("ended_at", nullable=True),
    ),
    "webhook_deliveries": (
        *_texts("partner_id", required=True),
        _word("event_type", _EVENTS, required=True),
        Field("payload", "a map", _is_map, required=True),
        *_integers("response_status_code"),
        *_texts("response_body error_message", nullable=True),
        *_flags("delivered"),
        *_counts("attempts"),
        *_times("last_attempt_at next_retry_at", nullable=True),
        *_times("created_at"),
    ),
    "content_embeddings": (
        *_texts("content_id embedding_model pinecone_vector_id", required=True),
        _word("embedding_type", ("title", "description", "subtitle_segment", "dialogue", "summary"), required=True),
        *_texts("content_type segment_text partner_id", nullable=True),
        *_texts("language"),
        *_counts("embedding_dimensions"),
        *_integers("segment_index"),
        *_numbers("segment_start_time segment_end_time"),
        *_lists("genre_ids section_ids audience_ids"),
        *_times("created_at updated_at"),
    ),
    "recap_sessions": (
        *_texts("session_id", required=True),
        *_texts("partner_id channel_id stream_url", nullable=True),
        *_at_most("transcript_segments", SEGMENTS),
        *_at_most("recaps", RECAPS),
        *_amounts("total_duration_seconds"),
        _word("status", ("active", "paused", "ended")),
        *_times("started_at last_updated_at"),
        *_times("ended_at", nullable=True),
    ),
    "cultural_references": (
        *_texts("reference_id canonical_name short_explanation", required=True),
        _word("category", _CATEGORIES, required=True),
        *_texts("canonical_name_en subcategory short_explanation_en short_explanation_es", nullable=True),
        *_texts("detailed_explanation detailed_explanation_en detailed_explanation_es", nullable=True),
        *_texts("wikipedia_url image_url", nullable=True),
        *_times("last_accessed_at", nullable=True),
        *_lists("aliases aliases_en aliases_es relevance_keywords related_references"),
        _word("source", ("manual", "wikipedia", "ai_generated")),
        *_flags("verified"),
        *_counts("lookup_count"),
        *_times("created_at updated_at"),
    ),
}


def why_rejected(collection: str, document: Document) -> str:
    """Why the platform's model would reject the document; "" where it takes it.

    >>> why_rejected("recap_sessions", {"session_id": "recap_1", "transcript_segments": [{}] * 5001})
    'transcript_segments must be a list of at most 5,000'
    """
    from bson import ObjectId

    for field in MODELS[collection]:
        if field.name not in document:
            if field.required:
                return f"{field.name} is missing"
        elif document[field.name] is None:
            if not field.nullable:
                return f"{field.name} is null"
        elif not field.check(document[field.name]):
            return f"{field.name} must be {field.what}"
    return "" if isinstance(document.get("_id", ObjectId()), ObjectId) else "_id must be an ObjectId"
