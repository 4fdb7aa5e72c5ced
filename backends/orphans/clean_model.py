"""What is true of a clean-up: what was asked for, what will be removed, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from backends.orphans.model import GRACE
from backends.safety.plans import Plan

CLEAN: Final = "orphans.clean"
RESTORE: Final = "orphans.restore"
SCAN: Final = "orphans.scan"

COUNTS: Final = ("planned", "deleted", "quarantined", "reappeared", "skipped", "failed")
"""What a clean-up counts, in documents."""

LONGEST_GRACE_DAYS: Final = 30
QUARANTINE_DAYS: Final = 30
"""How long removed documents wait to be restored, unless a clean-up says otherwise."""


class Reason(Enum):
    """Why a document is left out of a clean-up."""

    GRACE = "grace"
    EXEMPT = "exempt"
    ACTIVE = "active"
    SOFT_DELETED = "soft-deleted"
    SUSPENDED = "suspended"
    MALFORMED = "malformed"
    LISTED = "listed by another reference"
    LIMIT = "over the limit"
    NOT_CHOSEN = "not chosen"


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """What a clean-up was asked for.

    collection: only this one, "" for all; most: documents at most; suspended: suspended partners that are cleaned too,
    by name; parents: only these identities, () for all; quarantine_days: how long what is removed can be restored;
    field: only this reference of the collection, "" for all of them.
    """

    collection: str = ""
    grace_days: int = GRACE.days
    most: int | None = None
    suspended: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    quarantine_days: int = QUARANTINE_DAYS
    field: str = ""

    def asks_for(self, collection: str, field: str) -> bool:
        """Whether this reference is to be cleaned."""
        return self.collection in ("", collection) and self.field in ("", field)

    @property
    def grace(self) -> timedelta:
        """How young an orphan is left alone."""
        return timedelta(days=self.grace_days)


@dataclass(frozen=True, slots=True)
class PlannedReference:
    """One reference in a plan. Counts are documents, except parents (in the parent collection).

    children: of its collection; planned: to be removed; left_out: reason → documents.
    """

    name: str
    parent: str
    children: int
    parents: int
    planned: int = 0
    size_bytes: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def collection(self) -> str:
        """The collection of the children."""
        return self.name.partition(".")[0]

    @property
    def percent(self) -> int:
        """The part of the children that would go for this reference."""
        return in_percent(self.planned / self.children if self.children else 0.0)


def in_percent(share: float) -> int:
    """The share as it is shown and confirmed: rounded to the nearest.

    >>> in_percent(5 / 8)
    62
    """
    return round(share * 100)


@dataclass(frozen=True, slots=True)
class CleanPlan:
    """A dry run's result. refusals: what would keep it from being executed as things stand, with what to do.

    list_hash: of the allow-list, which is a file of its own; left_out: where that of the left out lies. quarantines:
    earlier ones whose time is over, each in words: dropped for good at the end, or kept and why. drops: whether any is.
    """

    plan: Plan
    references: tuple[PlannedReference, ...]
    refusals: tuple[tuple[str, str], ...]
    list_hash: str
    left_out: str
    quarantines: tuple[str, ...] = ()
    drops: bool = False

    @property
    def planned(self) -> int:
        """Documents that will be removed."""
        return sum(each.planned for each in self.references)


def references_of(body: Mapping[str, Any]) -> tuple[PlannedReference, ...]:
    """The references of a plan's body."""
    return tuple(PlannedReference(**each) for each in body["references"])
