"""What a scan means, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from backends.orphans.model import ReferenceScan, Scan, Trend
from backends.sampling.state import State, Summary, worst
from backends.sampling.words import counted

ALERT_ORPHANS: Final = 10_000
"""Orphans of one collection above which the founding document alerts."""

ALERT_P95_MS: Final = 500.0
"""Milliseconds of reference validation at the 95th percentile above which the founding document alerts."""

ALERT_GROWTH: Final = 1_000.0
"""Orphans a day by which a reference may grow; more is what the founding document alerts of."""

OLD_AFTER: Final = timedelta(hours=24)
"""A scan older than this says nothing of now; the founding document scans daily."""


def summary(scan: Scan | None, now: datetime, trends: Sequence[Trend] = ()) -> Summary:
    """The state of the references and the worst that is known of them."""
    if scan is None:
        return Summary(State.NO_DATA, "no scan yet")
    if now - scan.finished_at > OLD_AFTER:
        return Summary(State.NO_DATA, "the last scan is older than a day")
    fastest = max(trends, key=lambda each: each.growth or 0.0, default=None)
    if fastest is not None and (fastest.growth or 0.0) > ALERT_GROWTH:
        return Summary(State.CRITICAL, f"{fastest.name} grows by {fastest.growth:,.0f} orphans a day")
    state = worst(map(reference_state, scan.references))
    unknown = next((each for each in scan.references if each.problem is not None), None)
    if unknown is not None and unknown.problem is not None and state is State.NO_DATA:
        return Summary(state, f"{unknown.name}: {unknown.problem.message}")
    most = max(scan.references, key=lambda each: each.orphans or 0, default=None)
    if most is None or not scan.orphans:
        return _about_the_rest(scan)
    return Summary(state, f"{counted(scan.orphans, 'orphan')}, most in {most.name} ({most.orphans:,})")


def _about_the_rest(scan: Scan) -> Summary:
    odd = next((each for each in scan.references if each.malformed), None)
    if odd is not None:
        malformed = counted(odd.malformed or 0, "malformed reference")
        return Summary(State.WARNING, f"no orphans, but {malformed} in {odd.name}")
    slow = next((each for each in scan.references if (each.p95_ms or 0) > ALERT_P95_MS), None)
    if slow is not None:
        return Summary(State.WARNING, f"no orphans, but look-ups for {slow.name} take {slow.p95_ms:,.0f} ms at p95")
    return Summary(State.OK, "no orphans")


def reference_state(reference: ReferenceScan) -> State:
    """The state of one reference. What is suspended or soft-deleted on purpose is no fault."""
    if reference.problem is not None:
        return State.NO_DATA
    if (reference.orphans or 0) > ALERT_ORPHANS:
        return State.CRITICAL
    slow = (reference.p95_ms or 0) > ALERT_P95_MS
    return State.WARNING if reference.orphans or reference.malformed or slow else State.OK
