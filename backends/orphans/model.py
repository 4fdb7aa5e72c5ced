"""What is true about references and their parents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from backends.sampling.reading import Problem

GRACE: Final = timedelta(days=7)
"""How long an orphan is left alone, counted from its first sighting or from its parent's `deleted_at`; a clean-up
counts from when the document itself was made, too."""

SOFT_DELETE_KEPT: Final = timedelta(days=30)
"""How long a soft-deleted parent stays before the TTL index removes it (2,592,000 s in the founding document)."""


class ParentState(Enum):
    """What became of the parent that a reference names."""

    ALIVE = "alive"
    SOFT_DELETED = "soft-deleted"
    SUSPENDED = "suspended"
    GONE = "gone"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class ReferenceScan:
    """One reference as a scan found it. Counts are documents, except missing_parents and parents.

    documents: all of the collection; unset: those whose optional reference is null. The documents whose parent is
    gone are the orphans; of them in_grace are too young to be cleaned, by when their parent was missed (a clean-up
    looks at each document besides), and removable are not (nor active sessions).
    p95_ms: 95th percentile of single look-ups of a parent, None where nothing was looked up. Every count is None
    where problem says why nothing is known.
    """

    collection: str
    field: str
    parent: str
    documents: int | None = None
    orphans: int | None = None
    missing_parents: int | None = None
    soft_deleted: int | None = None
    suspended: int | None = None
    malformed: int | None = None
    exempt: int | None = None
    in_grace: int | None = None
    removable: int | None = None
    p95_ms: float | None = None
    duration_s: float | None = None
    unset: int | None = None
    parents: int | None = None
    problem: Problem | None = None

    @property
    def name(self) -> str:
        """`collection.field`."""
        return f"{self.collection}.{self.field}"


@dataclass(frozen=True, slots=True)
class Scan:
    """One pass over every reference. complete: none of them has a problem."""

    number: int
    started_at: datetime
    finished_at: datetime
    references: tuple[ReferenceScan, ...]

    @property
    def complete(self) -> bool:
        """Whether every reference could be judged."""
        return all(reference.problem is None for reference in self.references)

    @property
    def orphans(self) -> int:
        """Documents whose parent is gone, over all references that could be judged."""
        return sum(reference.orphans or 0 for reference in self.references)


@dataclass(frozen=True, slots=True, order=True)
class ParentKey:
    """A reference's value as it is stored, for asking the server again: never shown as it is.

    type is "string" for a text, "json" for any other value as canonical extended JSON.
    """

    reference: str
    value: str
    type: str = "string"


@dataclass(frozen=True, slots=True)
class MissingParent:
    """A parent that is not alive, with how many documents refer to it.

    size_bytes: of those documents, None where telling it would cost too much; oldest and newest: when the first and
    the last of them were made, None where their ids don't tell. vanishes_at: when a soft-deleted parent is removed for
    good.
    """

    key: ParentKey
    collection: str
    field: str
    parent_id: str
    state: ParentState
    documents: int
    first_seen: datetime
    last_seen: datetime
    size_bytes: int | None = None
    vanishes_at: datetime | None = None
    oldest: datetime | None = None
    newest: datetime | None = None


class Order(Enum):
    """What missing parents are sorted by; equal ones by reference and key."""

    PARENT = "parent"
    DOCUMENTS = "documents"
    FIRST_SEEN = "first seen"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of missing parents ends: its last key, and what that one was sorted by."""

    key: ParentKey
    rank: float = 0.0


@dataclass(frozen=True, slots=True)
class MissingPage:
    """A page of missing parents in their order. next: the place to go on after, None at the end. total: of all."""

    items: tuple[MissingParent, ...]
    next: Place | None
    total: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a look-up of one parent found just now. asked: the query, as it was sent; took_ms: until it was answered."""

    parent: str
    asked: str
    state: ParentState
    at: datetime
    took_ms: float
    marked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OtherReference:
    """Another field that names the same parent. documents: how many do; more: that there are more than were counted."""

    name: str
    documents: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Trend:
    """How a reference developed. points: (when, orphans) of its scans, oldest first; growth: orphans a day, None
    where the scans don't reach back far enough to tell."""

    name: str
    points: tuple[tuple[datetime, int], ...]
    growth: float | None


@dataclass(frozen=True, slots=True)
class ToIndex:
    """Contents that came back after a clean-up (run_id) removed their embeddings: a search misses them until then."""

    run_id: str
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document, flattened from the top. depth: 0 for its fields; inner: whether the next lie in it."""

    depth: int
    name: str
    text: str
    inner: bool = False


@dataclass(frozen=True, slots=True)
class ReferringDocument:
    """A document that refers to one parent. key: its `_id` as canonical extended JSON; cells: its telling fields."""

    key: str
    id: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of one parent's documents in `_id` order. next: the key to go on after, None at the end."""

    items: tuple[ReferringDocument, ...]
    next: str | None
