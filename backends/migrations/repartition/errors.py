"""Whether transactions fail more often since the swap than before it, and which applications sit in a failed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.queries import query
from backends.migrations.repartition.watching import RULES, Counters, unusual
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import Session

GATE: Final = next(rule.above for rule in RULES if rule.measurement == "errors")
"""Per cent of transactions that fail beyond the usual share."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What the server counted until now. broken: applications with sessions in a failed transaction, and how many."""

    counters: Counters
    broken: Mapping[str, int]

    @property
    def body(self) -> dict[str, Any]:
        """The counters as they are kept."""
        return asdict(self.counters)


@dataclass(frozen=True, slots=True)
class Since:
    """What happened between two looks: transactions, those of them that failed, deadlocks.

    more: per cent of failures beyond the usual share and beyond what chance explains.
    """

    transactions: int
    failed: int
    deadlocks: int
    more: float


async def errors(session: Session) -> Errors:
    """The counters now."""
    row = await session.fetchrow(query(__file__, "counters"))
    broken = await session.fetch(query(__file__, "broken_sessions"))
    assert row is not None  # the database that is asked has a row
    sessions = {display_text(each["name"]): int(each["sessions"]) for each in broken}
    return Errors(Counters(row["commits"], row["rollbacks"], row["deadlocks"]), sessions)


def since(kept: Mapping[str, Any], now: Counters) -> Since | None:
    """The difference to counters that were kept, whose share of failures is the usual one.

    None where they began anew meanwhile.

    >>> found = since({"commits": 900, "rollbacks": 100, "deadlocks": 1}, Counters(1_800, 200, 1))
    >>> found.failed, found.more
    (100, 0.0)
    >>> since({"commits": 900, "rollbacks": 0, "deadlocks": 0}, Counters(5, 0, 0)) is None
    True
    """
    before = Counters(*(int(kept[name]) for name in ("commits", "rollbacks", "deadlocks")))
    failed, deadlocks = now.rollbacks - before.rollbacks, now.deadlocks - before.deadlocks
    if min(now.commits - before.commits, failed, deadlocks) < 0:
        return None
    usual = before.rollbacks / before.all if before.all else 0.0
    return Since(now.all - before.all, failed, deadlocks, unusual(usual, before, now))
