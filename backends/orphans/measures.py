"""What rules judge of orphans: the last scan of this host, and whether there is a new enough one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from backends.orphans.model import ReferenceScan, Scan, Trend
from backends.sampling.measure import Absent, Measure, measured

OF_SCAN: Final = ("orphans.count", "orphans.p95_ms", "orphans.growth")
INTERVALS: Final = {True: timedelta(hours=24), False: timedelta(days=7)}
"""How often references are to be scanned: daily in production (True), weekly in development."""


def measures(
    scan: Scan | None, trends: Sequence[Trend], cleaned_at: datetime | None, now: datetime, interval: timedelta
) -> tuple[Measure, ...]:
    """The newest scan's counts, and whether a finished scan or clean-up is newer than the interval."""
    if scan is None:
        none = [Measure.missing(name, Absent.NO_DATA, "no scan yet") for name in OF_SCAN]
        return (*none, _recent(None, cleaned_at, now, interval))
    looked_up = [_looked_up(reference, scan.finished_at) for reference in scan.references]
    recent = _recent(completed_at(scan, trends), cleaned_at, now, interval, scan)
    return (*_counts(scan), *looked_up, *_growths(trends, scan.finished_at), recent)


def completed_at(scan: Scan | None, trends: Iterable[Trend]) -> datetime | None:
    """When the newest scan that could judge every reference ended; None where none did. A scan that could not read its
    parents tells nothing of them, however new it is.
    """
    if scan is None or scan.complete:
        return scan.finished_at if scan is not None else None
    judged = {trend.name: {at for at, _ in trend.points} for trend in trends}
    times = [judged.get(reference.name, set()) for reference in scan.references]
    return max(set.intersection(*times), default=None)


def _counts(scan: Scan) -> Iterator[Measure]:
    """Orphans of each collection, over all its references."""
    found: dict[str, list[ReferenceScan]] = {}
    for reference in scan.references:
        found.setdefault(reference.collection, []).append(reference)
    for collection, references in found.items():
        problem = next((each.problem for each in references if each.problem is not None), None)
        counts = [each.orphans for each in references]
        known = None if problem is not None or None in counts else sum(each or 0 for each in counts)
        by_field = ", ".join(f"{each.orphans:,} by {each.field}" for each in references if each.orphans)
        said = f"{known or 0:,} orphans" + (f": {by_field}" if len(references) > 1 and by_field else "")
        what = f"{problem.kind}: {problem.message}" if problem else said
        yield measured("orphans.count", known, collection, what, scan.finished_at)


def _looked_up(reference: ReferenceScan, at: datetime) -> Measure:
    problem = reference.problem
    if problem is None and reference.p95_ms is None:
        return Measure.missing("orphans.p95_ms", Absent.NOTHING, "no parent was looked up", reference.name)
    return measured("orphans.p95_ms", reference.p95_ms, reference.name, problem.message if problem else "", at)


def _growths(trends: Iterable[Trend], at: datetime) -> Iterator[Measure]:
    for trend in trends:
        what = "no scan is a day older than the last one" if trend.growth is None else ""
        yield measured("orphans.growth", trend.growth, trend.name, what, at)


def _recent(
    completed: datetime | None,
    cleaned_at: datetime | None,
    now: datetime,
    interval: timedelta,
    scan: Scan | None = None,
) -> Measure:
    finished = [at for at in (completed, cleaned_at) if at is not None]
    recent = sum(now - at <= interval for at in finished)
    if recent:
        return measured("orphans.recent", recent)
    newest = f", the newest is of {_said(max(finished))}" if finished else ""
    in_vain = (
        f"; the scan of {_said(scan.finished_at)} could not judge everything" if scan and not scan.complete else ""
    )
    hours = interval / timedelta(hours=1)
    return measured("orphans.recent", 0, what=f"no finished scan or clean-up in {hours:.0f} h{newest}{in_vain}")


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
