"""What rules judge of orphans: the last scan of this host, and whether there is a new enough one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from backends.orphans.model import ReferenceScan, Scan, Trend
from backends.sampling.measure import Absent, Measure, measured

OF_SCAN: Final = ("orphans.count", "orphans.p95_ms", "orphans.growth")
INTERVALS: Final = {True: timedelta(hours=24), False: timedelta(days=7)}
"""How often references are to be scanned: daily in production (True), weekly in development."""


def measures(
    scan: Scan | None, trends: Iterable[Trend], cleaned_at: datetime | None, now: datetime, interval: timedelta
) -> tuple[Measure, ...]:
    """The newest scan's counts, and whether a finished scan or clean-up is newer than the interval."""
    if scan is None:
        none = [Measure.missing(name, Absent.NO_DATA, "no scan yet") for name in OF_SCAN]
        return (*none, _recent(scan, cleaned_at, now, interval))
    references = [each for reference in scan.references for each in _of_reference(reference, scan.finished_at)]
    return (*references, *_growths(trends, scan.finished_at), _recent(scan, cleaned_at, now, interval))


def _of_reference(reference: ReferenceScan, at: datetime) -> Iterator[Measure]:
    name, problem = reference.name, reference.problem
    what = f"{problem.kind}: {problem.message}" if problem else f"{reference.orphans or 0:,} orphans in {name}"
    yield measured("orphans.count", reference.orphans, name, what, at)
    if problem is None and reference.p95_ms is None:
        yield Measure.missing("orphans.p95_ms", Absent.NOTHING, "no parent was looked up", name)
    else:
        yield measured("orphans.p95_ms", reference.p95_ms, name, problem.message if problem else "", at)


def _growths(trends: Iterable[Trend], at: datetime) -> Iterator[Measure]:
    for trend in trends:
        what = "no scan is a day older than the last one" if trend.growth is None else ""
        yield measured("orphans.growth", trend.growth, trend.name, what, at)


def _recent(scan: Scan | None, cleaned_at: datetime | None, now: datetime, interval: timedelta) -> Measure:
    finished = [at for at in (scan.finished_at if scan else None, cleaned_at) if at is not None]
    hours = interval / timedelta(hours=1)
    newest = f", the newest is of {max(finished):%Y-%m-%d %H:%M} UTC" if finished else ""
    recent = sum(now - at <= interval for at in finished)
    what = "" if recent else f"no finished scan or clean-up in {hours:.0f} h{newest}"
    return measured("orphans.recent", recent, what=what)
