"""What the platform's models take and reject, field by field of the domain."""

from __future__ import annotations

from typing import Any

import pytest

from backends.migrations.olorin.documents import why_rejected

PARTNER = {
    "partner_id": "p", "name": "n", "api_key_hash": "h", "api_key_prefix": "x", "contact_email": "ops@example.org",
    "capabilities": {"recap_agent": {"enabled": True, "rate_limits": {"requests_per_minute": 1}}},
    "webhook_events": ["session.ended"], "progress_thresholds": [25, 50],
}  # fmt: skip
EMBEDDING = {"content_id": "c", "embedding_model": "m", "pinecone_vector_id": "v", "embedding_type": "title"}
DELIVERY = {"partner_id": "p", "event_type": "error.occurred", "payload": {}}
RECAP = {"session_id": "s", "transcript_segments": [{}], "recaps": []}
DUBBING = {"session_id": "s", "partner_id": "p", "voice_id": None}


@pytest.mark.parametrize(
    ("collection", "good", "wrong"),
    [
        ("integration_partners", PARTNER, {"contact_email": "not an email"}),
        ("integration_partners", PARTNER, {"technical_contact_email": 5}),
        ("integration_partners", PARTNER, {"capabilities": {"a": {"enabled": "perhaps"}}}),
        ("integration_partners", PARTNER, {"capabilities": {"a": {"rate_limits": {"requests_per_minute": 0}}}}),
        ("integration_partners", PARTNER, {"capabilities": {"a": {"rate_limits": {"requests_per_day": "many"}}}}),
        ("integration_partners", PARTNER, {"webhook_events": ["no.such"]}),
        ("integration_partners", PARTNER, {"_id": 7}),
        ("content_embeddings", EMBEDDING, {"segment_index": "a"}),
        ("webhook_deliveries", DELIVERY, {"payload": "text"}),
        ("recap_sessions", RECAP, {"transcript_segments": [1]}),
        ("dubbing_sessions", DUBBING, {"avg_stt_latency_ms": "x"}),
    ],
)
def test_what_is_wrong_is_rejected(collection: str, good: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert why_rejected(collection, good) == ""
    assert why_rejected(collection, {**good, **wrong}).startswith(next(iter(wrong)))


def test_a_delivery_needs_its_payload() -> None:
    assert (
        why_rejected("webhook_deliveries", {"partner_id": "p", "event_type": "error.occurred"}) == "payload is missing"
    )
