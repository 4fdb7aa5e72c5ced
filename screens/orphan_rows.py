"""How references, missing parents and their documents look as rows and lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from backends.orphans.model import (
    Evidence,
    MissingParent,
    OtherReference,
    ParentState,
    ReferenceScan,
    ReferringDocument,
    ToIndex,
    Trend,
)
from backends.orphans.rules import ALERT_GROWTH, reference_state
from backends.orphans.scans import Scans
from backends.runs.model import Run, Unit
from backends.sampling.words import counted
from widgets.amount import count, size
from widgets.grid import Column, Row
from widgets.panel import problem_lines
from widgets.tone import Cell, Part, Tone, state_part

REFERENCE_COLUMNS: Final = (
    Column("state", 10),
    Column("reference", 29, flexible=True),
    Column("documents", 10, "right", drop=2),
    Column("orphans", 9, "right"),
    Column("missing", 8, "right"),
    Column("suspend", 7, "right"),
    Column("softdel", 7, "right", drop=1),
    Column("malform", 7, "right", drop=4),
    Column("removable", 9, "right", drop=3),
)
PARENT_COLUMNS: Final = (
    Column("missing parent", 24, flexible=True),
    Column("state", 14),
    Column("documents", 9, "right"),
    Column("bytes", 9, "right", drop=3),
    Column("first seen", 10, drop=2),
    Column("last seen", 11, drop=4),
    Column("oldest", 10, drop=6),
    Column("newest", 10, drop=7),
    Column("vanishes", 10, drop=5),
)
SCANS_SHOWN: Final = 5
CONTENTS_SHOWN: Final = 5
_MARKS: Final = {
    ParentState.ALIVE: ("●", Tone.OK),
    ParentState.SOFT_DELETED: ("◍", Tone.WARNING),
    ParentState.SUSPENDED: ("‖", Tone.WARNING),
    ParentState.GONE: ("✖", Tone.CRITICAL),
    ParentState.MALFORMED: ("▲", Tone.WARNING),
}


def reference_row(found: ReferenceScan) -> Row:
    """A reference with its counts."""
    figures = (
        found.documents,
        found.orphans,
        found.missing_parents,
        found.suspended,
        found.soft_deleted,
        found.malformed,
        found.removable,
    )
    return Row(found.name, (state_part(reference_state(found)), found.name, *map(count, figures)))


def about_reference(found: ReferenceScan, trend: Trend | None = None) -> list[tuple[Cell, ...]]:
    """What the row of a reference has no room for."""
    head: tuple[Cell, ...] = (Part(found.name, Tone.STRONG), f" names a document of {found.parent}")
    if found.problem is not None:
        return [head, *problem_lines(found.problem)]
    return [
        head,
        _figures(("documents", found.documents), ("without a reference", found.unset), (found.parent, found.parents)),
        _figures(
            ("orphans", found.orphans),
            ("in grace", found.in_grace),
            ("exempt", found.exempt),
            ("removable", found.removable),
        ),
        _figures(("soft-deleted", found.soft_deleted), ("suspended", found.suspended), ("malformed", found.malformed)),
        (Part("look-ups p95 ", Tone.MUTED), _seconds(found.p95_ms, 1, "ms"), *_scanned(found.duration_s)),
        *_trend_lines(trend),
    ]


def _trend_lines(trend: Trend | None) -> list[tuple[Cell, ...]]:
    """Growth, and the last scans' orphans."""
    if trend is None:
        return []
    growth = trend.growth
    tone = Tone.CRITICAL if growth is not None and growth > ALERT_GROWTH else Tone.PLAIN
    said = Part("not a day of scans yet", Tone.MUTED) if growth is None else Part(f"{growth:+,.0f} a day", tone)
    scans = ", ".join(f"{at:%m-%d %H:%M} {orphans:,}" for at, orphans in trend.points[-SCANS_SHOWN:])
    return [(Part("growth ", Tone.MUTED), said, Part("  scans ", Tone.MUTED), scans)]


def scanning_cells(found: Scans, not_started: str) -> tuple[Cell, ...]:
    """The scan under way, or why there is none although one was asked for."""
    if (run := found.under_way) is not None:
        return (Part(f"◌ scanning: {_reference_under_way(run)}", Tone.ACCENT), Part(f"  {run.id}", Tone.MUTED))
    if not_started:
        return (Part(f"▲ no scan: {not_started}", Tone.WARNING),)
    if (run := found.ended) is not None:
        why = run.why or "its process did not come up"
        return (Part(f"▲ {run.id} {run.state}: {why}", Tone.WARNING),)
    return ()


def _reference_under_way(run: Run) -> str:
    units, done = run.progress.units, run.progress.counts.get("references", 0)
    if run.state != "running" or done >= len(units):
        return run.state + (f": {run.why}" if run.why else "")
    return f"{units[done].name} {_read_of(units[done])}, {done} of {len(units)} references done"


def _read_of(unit: Unit) -> str:
    return f"{unit.done:,}" + (f" of {unit.total:,}" if unit.total else " documents")


def to_index_lines(back: ToIndex | None) -> list[tuple[Cell, ...]]:
    """Contents that came back after a clean-up, each with the command that indexes it again."""
    if back is None or not back.contents:
        return []
    said = f"▲ to be embedded again: {counted(len(back.contents), 'content')} came back after {back.run_id}"
    more = len(back.contents) - CONTENTS_SHOWN
    rest: list[tuple[Cell, ...]] = [(f"  and {more:,} more: olorin orphans verify {back.run_id}",)] if more > 0 else []
    shown = back.contents[:CONTENTS_SHOWN]
    named: list[tuple[Cell, ...]] = [(f"  olorin content embed --content-id {each}",) for each in shown]
    return [(Part(said, Tone.WARNING),), *named, *rest]


def _figures(*figures: tuple[str, int | None]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for label, number in figures:
        cells += ["  "] * bool(cells) + [Part(f"{label} ", Tone.MUTED), count(number)]
    return tuple(cells)


def _scanned(duration_s: float | None) -> tuple[Cell, ...]:
    return (Part("  scanned in ", Tone.MUTED), _seconds(duration_s, 2, "s"))


def _seconds(value: float | None, digits: int, unit: str) -> Cell:
    return Part("no look-up", Tone.MUTED) if value is None else f"{value:,.{digits}f} {unit}"


def parent_row(key: str, parent: MissingParent, *, marked: bool = False, sized: bool = True) -> Row:
    """A missing parent with what refers to it. sized: whether its size was asked for."""
    later = Part("…", Tone.MUTED)
    cells: tuple[Cell, ...] = (
        Part(f"◆ {parent.parent_id}", Tone.ACCENT) if marked else parent.parent_id,
        parent_state(parent.state),
        count(parent.documents),
        size(parent.size_bytes) if sized else later,
        _day(parent.first_seen),
        f"{parent.last_seen:%m-%d %H:%M}",
        _day(parent.oldest, "–") if sized else later,
        _day(parent.newest, "–") if sized else later,
        _day(parent.vanishes_at),
    )
    return Row(key, cells)


def _day(at: datetime | None, unknown: str = "") -> str:
    return unknown if at is None else f"{at:%Y-%m-%d}"


def evidence_cells(evidence: Evidence, others: Sequence[OtherReference]) -> tuple[Cell, ...]:
    """What a look-up found, and what else names the same parent."""
    named = [f"{each.name} {each.documents:,}{'+' if each.more else ''}" for each in others if each.documents]
    head = (parent_state(evidence.state), f" {evidence.at:%H:%M:%S} UTC in {evidence.took_ms:.1f} ms  ")
    return *head, Part(f"also named by {', '.join(named) or 'nothing else'}  ", Tone.MUTED), evidence.asked


def parent_state(state: ParentState) -> Part:
    """The state of a parent as symbol and word."""
    symbol, tone = _MARKS[state]
    return Part(f"{symbol} {state.value}", tone)


def document_row(document: ReferringDocument) -> Row:
    """A document with the fields that tell it apart."""
    return Row(document.key, (document.id, *(value for _, value in document.cells)))


def document_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns for documents that these fields tell apart, best first."""
    return (
        Column("document", 24),
        *(Column(name, _width(name), drop=place, flexible=not place) for place, name in enumerate(names)),
    )


def _width(name: str) -> int:
    """Times need 16 cells, everything else some, and its name."""
    return max(len(name), 16 if name.endswith(("_at", "_start")) else 10)
