"""How the newest re-partitioning stands: what is told of its stage, its progress, its proofs, what is left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from backends.clients.queries import query
from backends.migrations.repartition.book import Migration
from backends.migrations.repartition.filling import Filling, Flow
from backends.migrations.repartition.gates import Gate
from backends.migrations.repartition.inserts import Gain
from backends.runs.model import Run
from backends.safety.proofs import Proof

if TYPE_CHECKING:
    from backends.clients.postgres import Session


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that a re-partitioning made and that is still there: its name, bytes and when it was made.

    kind: "table", "function", …; what is no table has no bytes of its own.
    """

    name: str
    size_bytes: int
    since: datetime | None
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest re-partitioning stands. stage: a word of Stage, None where there never was one.

    backlog: changes that are logged, and not applied yet; after the swap those since. kept: what any of them left
    behind. rows: as copied. lock_ms: the swap held its exclusive lock so long. now: the server's time. writers: what
    they have to change by the swap, "" for nothing. inserts: how long they take, None before it was measured. layout:
    of the new table.
    """

    stage: str | None
    run_id: str | None
    retention_until: datetime | None
    backlog: int
    kept: tuple[Kept, ...]
    swapped_at: datetime | None = None
    rows: int = 0
    lock_ms: float | None = None
    now: datetime | None = None
    writers: str = ""
    inserts: Gain | None = None
    layout: str = "hash"


@dataclass(frozen=True, slots=True)
class Progress:
    """How it goes on. run: the newest copy or rollback, None for none; filling: the new partitions, None for none."""

    standing: Standing
    flow: Flow
    run: Run | None = None
    filling: Filling | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What is proven, and when. board: after a swap, empty before; verified: the newest comparison of both tables."""

    board: tuple[Gate, ...] = ()
    verified: Proof | None = None
    rehearsed: Proof | None = None


async def kept_things(session: Session, found: Migration | None) -> tuple[Kept, ...]:
    """What is there, largest first; what doesn't bear its time in its name is as old as the newest re-partitioning."""
    made_at = found.made_at if found is not None else None
    rows = await session.fetch(query(__file__, "kept"))
    return tuple(Kept(row["name"], row["bytes"], row["since"] or made_at, row["kind"]) for row in rows)
