"""What is true of the separation: what a dry run, a verification and the board found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

KIND: Final = "separation"
"""The kind of its runs, plans and proofs."""


class Light(Enum):
    """What a gate says; a red one keeps everything closed, one without data says so and closes nothing."""

    OK = "ok"
    NO_DATA = "no data"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True, slots=True)
class GateState:
    """A gate: how it stands, and why."""

    id: str
    status: Light
    why: str


def worst(gates: Iterable[GateState]) -> Light:
    """The worst of the gates."""
    order = [Light.OK, Light.NO_DATA, Light.WARNING, Light.RED]
    return max((gate.status for gate in gates), key=order.index, default=Light.OK)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that somebody does not take, and why: the platform's models, the target, a rollback. id: as text."""

    collection: str
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Documents that the target refused, which are kept for a retry, and conflicts that rollbacks left: how many, and
    the first of them.
    """

    refused: int = 0
    refusals: tuple[Rejected, ...] = ()
    conflicting: int = 0
    conflicts: tuple[Rejected, ...] = ()

    def of(self, collection: str) -> tuple[Rejected, ...]:
        """Those listed of one collection."""
        return tuple(each for each in (*self.refusals, *self.conflicts) if each.collection == collection)


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """A collection as a dry run found it. to_copy: documents that the target lacks or has otherwise; extra: those that
    only the target has. bytes: of the documents to copy. indexes: to be built. batches: at most so many are written.
    """

    name: str
    source: int
    target: int
    to_copy: int
    extra: int
    bytes: int
    indexes: tuple[str, ...]
    batches: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an execution would do. plan: its hash. seconds: the least and the most that it would take.

    rejected counts every document that the models would reject; rejects lists the first of them.
    """

    plan: str
    source: str
    target: str
    gates: tuple[GateState, ...]
    collections: tuple[CollectionPlan, ...]
    seconds: tuple[float, float]
    rejected: int
    rejects: tuple[Rejected, ...]

    @property
    def light(self) -> Light:
        """The worst gate."""
        return worst(self.gates)


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not the same on both sides. kind: missing, extra or different. id: canonical extended JSON."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class IndexDifference:
    """An index that the target lacks or has otherwise: those of the source, and those that the platform declares."""

    text: str
    what: str


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """A declared index that was to be built. why_not: what kept it from being built, "" where it is there now."""

    collection: str
    text: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class SinceSwitch:
    """What the target gained, changed and lost against the manifest of the hold; nothing of it fails a verification."""

    gained: int
    changed: int
    deleted: int


@dataclass(frozen=True, slots=True)
class CollectionProof:
    """A collection, verified. differences: the first of those counted. declared: indexes of the platform's model that
    the target lacks, which do not fail it. since: after the switch, None before. read_as: the main database's name for
    it, which is another one after a cleanup.
    """

    name: str
    source: int
    target: int
    missing: int
    extra: int
    different: int
    indexes: tuple[IndexDifference, ...] = ()
    declared: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    since: SinceSwitch | None = None
    read_as: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is missing, extra, different or without its index."""
        return not (self.missing or self.extra or self.different or self.indexes)


@dataclass(frozen=True, slots=True)
class Verified:
    """A verification of all collections. refused: documents that the target did not take and that are still kept."""

    at: datetime
    source: str
    target: str
    collections: tuple[CollectionProof, ...]
    refused: int = 0

    @property
    def passed(self) -> bool:
        """Whether every collection passed."""
        return not self.refused and all(each.passed for each in self.collections)


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field of a document on both sides, as text; None where that side has no such field."""

    path: str
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A collection of the main database that a cleanup is about. moved_to: its other name. bytes: None if not told."""

    name: str
    moved_to: str
    documents: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class SoftDelete:
    """What the soft-delete plan would do. missing: documents without `deleted_at`. expired: those that the index would
    delete at once. works: whether a working index is there already.
    """

    plan: str
    where: str
    collection: str
    documents: int
    missing: int
    expired: int
    works: bool
    gates: tuple[GateState, ...]

    @property
    def light(self) -> Light:
        """The worst gate."""
        return worst(self.gates)


@dataclass(frozen=True, slots=True)
class Seen:
    """Since when the flag was seen off (by this console), and on (by any that recorded it); None for never.

    is_recorded: the switch is recorded beside the data, where consoles of other machines see it.
    """

    off_since: datetime | None = None
    on_since: datetime | None = None
    is_recorded: bool = False

    @property
    def said(self) -> str:
        """When the flag was seen on, in words; "" for never."""
        return "" if self.on_since is None else f"{self.on_since:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Process:
    """One of the platform's applications, by the name that it gives the server. connected: at the last look.

    old: when it was seen last at one of the main database's seven collections (at_old), new: at Olorin's own database.
    told: whether the server ever told where one of its operations is; some list connections, and nothing of their work.
    """

    app: str
    connected: bool = False
    old: datetime | None = None
    at_old: str = ""
    new: datetime | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A way back: its command, and what happens to which data."""

    name: str
    command: str
    what: str


@dataclass(frozen=True, slots=True)
class Board:
    """The gates of the switch, the ways back, and which of them fits now. change: to the environment, "" when done.

    because: why that card. processes: the platform's, as they were seen once the flag was on.
    """

    gates: tuple[GateState, ...]
    cards: tuple[Card, ...]
    recommended: str
    change: str
    because: str = ""
    processes: tuple[Process, ...] = ()
