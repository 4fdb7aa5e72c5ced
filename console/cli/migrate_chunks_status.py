"""`olorin migrate chunks --status`: the table as the catalogue tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from console.cli.migrate_parts import cell, run_lines, runs_report
from console.cli.reporting import columns

if TYPE_CHECKING:
    from backends.migrations.model import Chunks
    from backends.migrations.repartition.gates import Gate
    from backends.migrations.repartition.standing import Standing

HEAT_COLUMNS: Final = 10
"""Partitions in one line of text."""


def status_said(found: Chunks) -> dict[str, Any]:
    """The table as JSON."""
    return {
        "table": found.table,
        "layout": found.layout,
        "key": found.key,
        "formulas": [{"text": each.text, "where": each.where} for each in found.formulas],
        "triggers": found.triggers,
        "partitions": [
            {"name": each.name, "number": each.number, "rows": each.rows, "bytes": each.size_bytes}
            for each in found.partitions
        ],
        "rows": found.rows,
        "bytes": found.size_bytes,
        "skew": None if found.skew is None else round(found.skew, 3),
        "server_version": found.server_version,
        "runs": runs_report(found.runs),
    }


def status_lines(found: Chunks) -> list[str]:
    """The table as text."""
    return [
        f"table    {found.table}",
        f"layout   {found.layout}",
        f"key      {found.key or 'none'}",
        *(f"formula  {each.text}  ({each.where})" for each in found.formulas),
        *(f"trigger  {each}" for each in found.triggers),
        f"rows     {cell(found.rows)} (estimated)",
        f"bytes    {found.size_bytes}",
        f"skew     {'no data' if found.skew is None else f'{found.skew:.2f}'}",
        *_distribution(found),
        "",
        *run_lines(found.runs),
    ]


def _distribution(found: Chunks) -> list[str]:
    """The rows of each partition, ten a line in the order of their names."""
    return heat_lines("rows of each partition:", [cell(each.rows) for each in found.partitions])


def heat_lines(title: str, cells: Sequence[str]) -> list[str]:
    """Partitions, ten a line; nothing where there are none."""
    if not cells:
        return []
    rows = [*cells, *[""] * (-len(cells) % HEAT_COLUMNS)]
    lines = [tuple(rows[at : at + HEAT_COLUMNS]) for at in range(0, len(rows), HEAT_COLUMNS)]
    return ["", title, *columns(lines)]


def standing_lines(found: Standing) -> list[str]:
    """How the newest re-partitioning stands, and what any of them left behind, as text."""
    if found.stage is None:
        return attic_lines(found)
    kept = found.retention_until if found.stage == "swapped" else None
    until = f", backup kept until {kept:%Y-%m-%d %H:%M} UTC" if kept else ""
    what = {"swapped": "changes since, which a rollback carries back"}.get(found.stage, "changes to apply")
    left = "" if found.stage in {"undone", "dropped"} else f", {found.backlog} {what}"
    said = f"re-partitioning {found.run_id}: {found.stage}{left}{until}"
    more = [found.writers] if found.writers and found.stage in {"building", "ready", "swapping"} else []
    if found.inserts is not None and found.inserts.after_us:
        more.append(f"an insert: {found.inserts.short}")
    return ["", said, *more, *attic_lines(found)]


def attic_lines(found: Standing) -> list[str]:
    """All that was made and is still there, with size and age."""
    rows = [("left behind", "kind", "bytes", "since (UTC)")]
    for each in found.kept:
        since = f"{each.since:%Y-%m-%d %H:%M}" if each.since else "?"
        rows.append((each.name, each.kind, str(each.size_bytes) if each.size_bytes else "", since))
    return ["", *columns(rows)] if found.kept else []


def gates_said(gates: Sequence[Gate]) -> list[dict[str, str]]:
    """Gates, or the checks of the board, as JSON."""
    return [{"id": gate.id, "status": gate.status.value, "why": gate.why} for gate in gates]


def gate_lines(gates: Sequence[Gate]) -> list[str]:
    """The same as text, the worst first; nothing where there are none."""
    marks = {"red": "✗", "warning": "!", "ok": "✓"}
    order = sorted(gates, key=lambda gate: list(marks).index(gate.status.value))
    rows = [(marks[gate.status.value], gate.status.value, gate.id, gate.why) for gate in order]
    return ["", *columns(rows)] if rows else []
