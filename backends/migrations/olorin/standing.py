"""How the separation stands as a whole: its run, its board, and its newest verification, collection by collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.model import (
    Board,
    CollectionProof,
    Difference,
    IndexDifference,
    LeftOut,
    SinceSwitch,
)
from backends.runs.model import Run, RunState, Unit
from backends.safety.proofs import Proof

LAG: Final = "lag_ms"
"""The count of a run in which its lag is kept."""

BLIND: Final = "blind"
"""The count of a run whose source tells no changes."""

SILENT_S: Final = 10.0
"""Seconds without a heartbeat after which what a run told last is no news."""

READY_S: Final = 1.0
"""Seconds of lag below which the run is ready to switch."""


@dataclass(frozen=True, slots=True)
class CollectionStanding:
    """A collection: what the run did of it, and what the newest verification found; None for nothing yet."""

    name: str
    unit: Unit | None = None
    proof: CollectionProof | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The separation as it stands. run: the newest; verified_at: when the collections' proofs were made.

    left_out: what the target refused, and what rollbacks left.
    """

    source: str
    target: str
    run: Run | None
    board: Board
    collections: tuple[CollectionStanding, ...]
    verified_at: datetime | None = None
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def lag_s(self) -> float | None:
        """Seconds that the target is behind the source, as the run tells; None while nobody follows."""
        lag = self.run.progress.counts.get(LAG) if self.run is not None and self.is_followed else None
        return None if lag is None else lag / 1000

    @property
    def is_followed(self) -> bool:
        """Whether somebody executes the run, and was heard of lately."""
        return self.run is not None and self.run.holder is not None and (self.run.silent_s or 0.0) < SILENT_S

    @property
    def is_blind(self) -> bool:
        """Whether the source tells no changes: what is written after the second pass is not seen."""
        return self.run is not None and bool(self.run.progress.counts.get(BLIND))

    @property
    def is_ready(self) -> bool:
        """Whether it holds, less than a second behind."""
        holds = self.run is not None and self.run.known_state is RunState.HOLDING
        return holds and self.lag_s is not None and self.lag_s < READY_S


def collections_of(run: Run | None, proof: Proof | None) -> tuple[CollectionStanding, ...]:
    """The seven collections, in their order."""
    units = {unit.name: unit for unit in run.progress.units} if run is not None else {}
    proofs = {each.name: each for each in proofs_of(proof)}
    return tuple(CollectionStanding(name, units.get(name), proofs.get(name)) for name in OLORIN_COLLECTIONS)


def proofs_of(proof: Proof | None) -> Sequence[CollectionProof]:
    """A kept verification's collections."""
    return [_collection(each) for each in proof.body.get("collections", ())] if proof is not None else []


def _collection(said: Mapping[str, Any]) -> CollectionProof:
    numbers = {name: said[name] for name in ("name", "source", "target", "missing", "extra", "different")}
    return CollectionProof(
        **numbers,
        indexes=tuple(IndexDifference(**each) for each in said["indexes"]),
        declared=tuple(said["declared"]),
        differences=tuple(Difference(**each) for each in said["differences"]),
        since=SinceSwitch(**said["since"]) if said["since"] else None,
        read_as=said.get("read_as", ""),
    )
