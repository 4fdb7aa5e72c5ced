"""What rules judge of the chunks table."""

from __future__ import annotations

from backends.migrations.model import Chunks
from backends.migrations.rules import SKEW_COLLECTIONS, skew_state
from backends.sampling.measure import Absent, Measure, measured
from backends.sampling.state import State


def measures(found: Chunks) -> tuple[Measure, ...]:
    """The skew of its partitions, where there are collections enough to judge it."""
    if found.skew is None or skew_state(found) is State.NO_DATA:
        what = f"{found.collections or 0:,} collections, judged from {SKEW_COLLECTIONS:,} on"
        return (Measure.missing("chunks.skew", Absent.NOTHING, what),)
    return (measured("chunks.skew", round(found.skew, 2), what=found.layout),)
