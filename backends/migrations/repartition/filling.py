"""How full the new partitions are, and how fast what others change comes and is applied; the server's own counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.clients.queries import query
from backends.migrations import chunks
from backends.migrations.chunks import partition
from backends.migrations.estimates import skew
from backends.migrations.model import Partition
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.shape import NEXT, TABLE

if TYPE_CHECKING:
    from backends.clients.postgres import Session

IN_USE: Final = {
    Stage.BUILDING: NEXT,
    Stage.READY: NEXT,
    Stage.SWAPPING: NEXT,
    Stage.SWAPPED: TABLE,
    Stage.DROPPED: TABLE,
}
"""Where the new partitions are; after a rollback nobody needs them."""


COUNTED: Final = 1_000_000
"""Changes of a log that are counted at most."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The changes of others. backlog: logged and not applied yet, up to COUNTED of a log; coming and draining: a
    second, None until told.
    """

    backlog: int
    coming: float | None = None
    draining: float | None = None


@dataclass(frozen=True, slots=True)
class Filling:
    """The new partitions, with rows as the server's counters have them. share: rows of each, were they even."""

    partitions: tuple[Partition, ...]
    share: float | None

    @property
    def skew(self) -> float | None:
        """The fullest over the mean; None where that can't be told."""
        return skew([each.rows for each in self.partitions])


@dataclass(slots=True)
class FlowMeter:
    """Rates between two looks at the counters of the logs."""

    _last: tuple[datetime, int, int] | None = field(default=None)

    async def look(self, session: Session) -> Flow:
        """What it is now, and how fast since the last look."""
        rows = await session.fetch(query(__file__, "backlog"))
        if not rows:
            self._last = None
            return Flow(0)
        each = [f"(SELECT count(*) FROM (SELECT FROM {row['name']} LIMIT {COUNTED}) AS s)" for row in rows]
        backlog = int(await session.fetchval(f"SELECT {' + '.join(each)}"))
        came, went = (sum(int(row[name]) for row in rows) for name in ("came", "went"))
        return self.taken(rows[0]["at"], backlog, came, went)

    def taken(self, at: datetime, backlog: int, came: int, went: int) -> Flow:
        """The counters at a time of the server's.

        >>> from datetime import timedelta
        >>> meter, at = FlowMeter(), datetime(2026, 1, 20)
        >>> meter.taken(at, 5, 100, 95).draining is None
        True
        >>> meter.taken(at + timedelta(seconds=10), 3, 120, 117)
        Flow(backlog=3, coming=2.0, draining=2.2)
        """
        before, self._last = self._last, (at, came, went)
        seconds = (at - before[0]).total_seconds() if before else 0.0
        # Counters begin anew with a log, or after a crash.
        if before is None or seconds <= 0 or came < before[1] or went < before[2]:
            return Flow(backlog)
        return Flow(backlog, (came - before[1]) / seconds, (went - before[2]) / seconds)


async def filling(session: Session, stage: Stage, expected: int | None) -> Filling | None:
    """The new partitions; None where there are none. expected: rows of the whole table."""
    table = IN_USE.get(stage)
    oid = await session.fetchval("SELECT to_regclass($1)::oid", table) if table else None
    if oid is None:
        return None
    rows = [dict(row) for row in await session.fetch(query(chunks.__file__, "chunks_partitions"), oid)]
    # While it fills, what was analysed is older than what was counted.
    found = tuple(partition({**row, "tuples": -1 if row["live"] > 0 else row["tuples"]}) for row in rows)
    return Filling(found, expected / len(found) if expected and found else None)
