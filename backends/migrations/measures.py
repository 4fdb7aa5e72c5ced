"""What rules judge of the chunks table."""

from __future__ import annotations

from typing import Final

from backends.migrations.model import Chunks
from backends.migrations.rules import SKEW_COLLECTIONS, SKEW_GATE
from backends.sampling.measure import Absent, Measure, measured

SKEW: Final = "chunks.skew"


def measures(found: Chunks) -> tuple[Measure, ...]:
    """The skew of its partitions, where there are collections enough to judge it. An estimate that is not known
    (before ANALYZE, after a crash) is no data: it is not the same as few collections.
    """
    if found.skew is None and found.partitions and found.rows is None:
        return (_unknown("a partition's rows are not estimated yet: ANALYZE tells them"),)
    if found.skew is None:
        return (_nothing("it has no partition" if not found.partitions else "its partitions are empty"),)
    if found.collections is None and found.skew > SKEW_GATE:
        return (_unknown(f"skew {found.skew:.2f}, but the collections are not counted yet: ANALYZE tells them"),)
    if found.collections is not None and found.collections < SKEW_COLLECTIONS:
        return (_nothing(f"{found.collections:,} collections, judged from {SKEW_COLLECTIONS:,} on"),)
    return (measured(SKEW, round(found.skew, 2), what=found.layout),)


def _unknown(what: str) -> Measure:
    return Measure.missing(SKEW, Absent.NO_DATA, what)


def _nothing(what: str) -> Measure:
    return Measure.missing(SKEW, Absent.NOTHING, what)
