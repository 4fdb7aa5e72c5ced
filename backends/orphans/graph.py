"""The reference graph: which field of which collection refers to what, the founding document's three first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.clients.targets import Role
from backends.orphans.model import ParentState

OTHER_CONTENT_NAME: Final = {"content": "contents", "contents": "content"}
"""The founding document says `contents`, the platform's model `content`: where one is empty the other is looked at."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A collection that is referred to, through `key`.

    role: the database that holds it. Children hold str(key): 24 hex digits where the keys are ObjectIds, else a slug.
    marked_by: the field that, set, makes a parent `mark` instead of alive.
    """

    collection: str
    role: Role
    key: str
    marked_by: str
    mark: ParentState

    @property
    def by_object_id(self) -> bool:
        """Whether its keys are ObjectIds."""
        return self.key == "_id"


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that refers. required: whether null is a fault. shown: what tells its documents apart, best first."""

    collection: str
    field: str
    parent: Parent
    required: bool
    shown: tuple[str, ...]

    @property
    def name(self) -> str:
        """`collection.field`, unique in the graph."""
        return f"{self.collection}.{self.field}"

    @property
    def key(self) -> str:
        """What the history keeps it under: another parent collection is another history."""
        return f"{self.name}>{self.parent.collection}"

    @property
    def holds_sessions(self) -> bool:
        """Whether its documents are sessions, which are never cleaned while they are active or paused."""
        return self.collection in SESSIONS


EMBEDDINGS: Final = "content_embeddings"
SESSIONS: Final = frozenset({"dubbing_sessions", "recap_sessions"})
BUSY: Final = ("active", "paused")
"""The states in which a session is never cleaned."""

PARTNERS: Final = Parent("integration_partners", Role.OLORIN, "partner_id", "suspended_at", ParentState.SUSPENDED)

_EMBEDDING: Final = ("embedding_type", "created_at", "segment_index", "language")
_RECAP: Final = ("session_id", "status", "started_at")
_DUBBING: Final = ("session_id", "status", "started_at", "target_language")
_USAGE: Final = ("capability", "period_start", "granularity", "request_count")
_DELIVERY: Final = ("event_type", "created_at", "delivered", "attempts")


def reference_graph(content_collection: str) -> tuple[Reference, ...]:
    """Every reference of the platform, with the parent collection of `content_id` as it is set."""
    content = _bayit(content_collection)
    return (
        Reference(EMBEDDINGS, "content_id", content, True, _EMBEDDING),
        Reference("recap_sessions", "channel_id", _bayit("live_channels"), False, _RECAP),
        Reference("dubbing_sessions", "partner_id", PARTNERS, True, _DUBBING),
        Reference(EMBEDDINGS, "partner_id", PARTNERS, False, _EMBEDDING),
        Reference("recap_sessions", "partner_id", PARTNERS, False, _RECAP),
        Reference("usage_records", "partner_id", PARTNERS, True, _USAGE),
        Reference("webhook_deliveries", "partner_id", PARTNERS, True, _DELIVERY),
    )


def _bayit(collection: str) -> Parent:
    return Parent(collection, Role.BAYIT, "_id", "deleted_at", ParentState.SOFT_DELETED)
