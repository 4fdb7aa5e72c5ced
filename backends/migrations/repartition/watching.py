"""What is watched while the table is re-partitioned, and when that pauses, shrinks, warns of or stops the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError
from backends.clients.queries import query
from backends.migrations.rules import SKEW_GATE
from backends.pools.blocking import tree
from backends.pools.model import Session as Waiter
from backends.runs.throttle import Does, Rule
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Record

    from backends.clients.postgres import PostgresClient, Session
    from backends.pools.machines import Machines

RULES: Final = (
    Rule("cpu", Does.PAUSE, 80, 70, unit=" %"),
    Rule("memory", Does.SHRINK, 90, 85, unit=" %"),
    Rule("errors", Does.STOP, 1, 1, for_s=30, unit=" %"),
    Rule("lock wait", Does.WARN, 5, 1, unit=" s"),
    Rule("deadlocks", Does.WARN, 0, 0),
    Rule("skew", Does.WARN, SKEW_GATE, SKEW_GATE),
)
"""The thresholds of the founding document; CPU and memory are a node exporter's, where one is configured."""

ENOUGH: Final = 1_000
"""Transactions that a share of errors is told from at least."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What the server counted of the database until now."""

    commits: int
    rollbacks: int
    deadlocks: int

    @property
    def all(self) -> int:
        """Transactions that ended."""
        return self.commits + self.rollbacks


def unusual(usual: float, since: Counters, now: Counters) -> float:
    """The share of transactions rolled back beyond the usual share and beyond what chance explains, in percent.

    usual: from 0 to 1. Few transactions count as ENOUGH, so that one failure of ten is no ten percent.

    >>> none = Counters(0, 0, 0)
    >>> unusual(0.1, none, Counters(9_000, 1_000, 0)), unusual(0.0, none, Counters(970, 30, 0))
    (0.0, 3.0)
    """
    all_ = now.all - since.all
    expected = usual * all_ + 3 * math.sqrt(max(all_, 0) * usual * (1 - usual))
    return 100.0 * max(now.rollbacks - since.rollbacks - expected, 0.0) / max(all_, ENOUGH)


@dataclass
class Errors:
    """The share of errors in the newest samples, beside the one that the database had before the run.

    A database too young to tell has the share of its first transactions.
    """

    samples: list[Counters] = field(default_factory=list)
    usual: float | None = None

    KEPT = 12

    def add(self, now: Counters) -> float | None:
        """The share now, in percent; None while the usual one is not known."""
        self.samples = [*self.samples, now][-self.KEPT :]
        if self.usual is None:
            self.usual, self.samples = (now.rollbacks / now.all if now.all >= ENOUGH else None), [now]
            return None
        return unusual(self.usual, self.samples[0], now)


class Watch:
    """The measurements of one execution."""

    def __init__(self, client: PostgresClient, machines: Machines | None) -> None:
        self._client, self._machines = client, machines
        self._errors, self._first = Errors(), -1
        self._told = ""

    async def sample(self, table: str | None) -> Mapping[str, float | None]:
        """The measurements; table: whose partitions' skew is judged, None while there is nothing to judge."""
        found = dict(await self._machines.read()) if self._machines else {}
        try:
            async with self._client.reading() as session:
                found |= await self._of_database(session)
                if table and (skew := await session.fetchval(query(__file__, "spread"), table)) is not None:
                    found["skew"] = round(float(skew), 3)
        except BackendError:
            found |= {"errors": None, "lock wait": None}
        return found

    async def _of_database(self, session: Session) -> dict[str, float | None]:
        row = await session.fetchrow(query(__file__, "counters"))
        found: dict[str, float | None] = {}
        if row is not None:
            now = Counters(row["commits"], row["rollbacks"], row["deadlocks"])
            self._first = now.deadlocks if self._first < 0 else self._first
            found["deadlocks"] = float(max(now.deadlocks - self._first, 0))
            if (share := self._errors.add(now)) is not None:
                found["errors"] = round(share, 2)
        waits = await session.fetch(query(__file__, "waits"))
        found["lock wait"] = round(max((row["waits_s"] or 0.0 for row in waits), default=0.0), 1)
        self._told = blocking([_waiter(row) for row in waits])
        return found

    def detail(self, measurement: str) -> str:
        """Who blocks whom, of lock waits."""
        return self._told if measurement == "lock wait" else ""


def _waiter(row: Record) -> Waiter:
    return Waiter(
        row["pid"],
        "",
        display_text(row["app"]),
        state=display_text(row["state"]),
        for_s=row["waits_s"],
        blocked_by=tuple(row["blocked_by"]),
    )


def blocking(sessions: Sequence[Waiter]) -> str:
    """The tree of who blocks whom, in one line; an arrow is a step down.

    >>> blocking([Waiter(7, "", "api", state="idle in transaction"), Waiter(9, "", "job", for_s=6.2, blocked_by=(7,))])
    'pid 7 api, idle in transaction; → pid 9 job, waits 6 s'
    """

    def said(each: Waiter) -> str:
        return f"waits {each.for_s:.0f} s" if each.for_s is not None else each.state

    return "; ".join(
        f"{'→ ' * branch.depth}pid {branch.session.number} {branch.session.app}, {said(branch.session)}"
        for branch in tree(sessions)
    )
