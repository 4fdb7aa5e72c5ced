"""The seven Olorin collections twice: as the main database still holds them, and as the target does after a migration
that went almost right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from console.demo.mongo_partners import Seeded
from console.demo.seeding import Document, Fault, Size

LATER: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many documents differ at scale 1; `value` is what differs, `time` when it was written (None: not kept)."""

    missing: int
    different: int
    newer: int
    extra: int
    value: str
    time: str | None


PLANS: Final = {
    "integration_partners": Plan(0, 0, 1, 0, "website_url", "updated_at"),
    "usage_records": Plan(5, 4, 0, 6, "request_count", None),
    "dubbing_sessions": Plan(3, 2, 1, 2, "segments_processed", "last_activity_at"),
    "webhook_deliveries": Plan(2, 2, 0, 1, "attempts", "last_attempt_at"),
    "content_embeddings": Plan(7, 3, 2, 4, "segment_text", "updated_at"),
    "recap_sessions": Plan(1, 1, 1, 1, "total_duration_seconds", "last_updated_at"),
    "cultural_references": Plan(0, 1, 0, 0, "short_explanation_en", "updated_at"),
}
"""The seven collections, in the order in which they are seeded."""


@dataclass(frozen=True, slots=True)
class Twice:
    main: list[Document]
    target: list[Document]
    faults: list[Fault]


def twice(name: str, seeded: Seeded, size: Size) -> Twice:
    """Split one collection in two; every difference lies in documents that no other fault was planted in."""
    plan = PLANS[name]
    missing, different, newer, extra = (
        seeded.planter.take(_rows(rows, size)) for rows in (plan.missing, plan.different, plan.newer, plan.extra)
    )
    old = {id(document): _changed(document, plan) for document in different}
    late = {id(document): _later(document, plan) for document in newer}
    left_out, added = {id(document) for document in missing}, {id(document) for document in extra}
    return Twice(
        main=[old.get(id(document), document) for document in seeded.documents if id(document) not in added],
        target=[late.get(id(document), document) for document in seeded.documents if id(document) not in left_out],
        faults=[
            Fault(f"migration.{name}.missing", len(missing), "in the main database only"),
            Fault(f"migration.{name}.different", len(different) + len(newer), "in both, with different contents"),
            Fault(f"migration.{name}.newer", len(newer), "of these, written later in the target"),
            Fault(f"migration.{name}.extra", len(extra), "in the target only"),
        ],
    )


def _rows(rows: int, size: Size) -> int:
    return size.rows(rows) if rows else 0


def _changed(document: Document, plan: Plan) -> Document:
    value = document[plan.value]
    return document | {plan.value: f"{value} (changed)" if isinstance(value, str) else value + 1}


def _later(document: Document, plan: Plan) -> Document:
    if plan.time is None:
        raise ValueError("these documents keep no time of writing")
    return _changed(document, plan) | {plan.time: document[plan.time] + LATER}
