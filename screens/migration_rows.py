"""How the migrations look as rows, cells and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.migrations.model import BotTable, Chunks, Held, MovingCollection, Partition, Separation
from backends.migrations.rules import SKEW_COLLECTIONS, SKEW_GATE, collection_state, skew_state
from backends.sampling.state import State
from widgets.amount import count, size
from widgets.grid import Column, Row
from widgets.page import pairs
from widgets.panel import problem_lines
from widgets.tone import Cell, Part, Tone, state_part

MIGRATION_COLUMNS: Final = (
    Column("migration", 9),
    Column("state", 16),
    Column("what there is", 40, flexible=True),
    Column("age", 24, drop=1),
)
COLLECTION_COLUMNS: Final = (
    Column("collection", 20, flexible=True),
    Column("source", 11, "right"),
    Column("target", 11, "right"),
    Column("difference", 11, "right"),
    Column("indexes", 9, "right", drop=1),
    Column("status", 17),
)
TABLE_COLUMNS: Final = (
    Column("table", 21, flexible=True),
    Column("rows", 10, "right"),
    Column("bytes", 9, "right"),
    Column("status", 9),
)
CELLS_A_LINE: Final = 10
"""Partitions in one line of the heat map: with a hundred of them the line is the ten and the cell the one."""


def collection_row(moving: MovingCollection, flag: bool | None) -> Row:
    """A collection on both sides."""
    state, word = collection_state(moving, flag)
    cells: tuple[Cell, ...] = (
        moving.name,
        _held(moving.source),
        _held(moving.target),
        count(moving.difference),
        _indexes(moving),
        state_part(state, word),
    )
    return Row(moving.name, cells)


def _held(side: Held | None) -> Cell:
    return Part("no data", Tone.NO_DATA) if side is None else count(side.documents)


def _indexes(moving: MovingCollection) -> Cell:
    if moving.source is None or moving.target is None:
        return Part("?", Tone.NO_DATA)
    text = f"{len(moving.source.indexes)}→{len(moving.target.indexes)}"
    return Part(text, Tone.WARNING) if moving.missing_indexes and moving.target.present else text


def place_lines(found: Separation) -> list[tuple[Cell, ...]]:
    """From where to where, and whether the flag is on."""
    flags = {True: Part("on", Tone.OK), False: Part("off", Tone.STRONG), None: Part("unclear", Tone.WARNING)}
    target = found.target if found.target is not None else Part("not configured", Tone.NO_DATA)
    same = Part("  the same database", Tone.WARNING) if found.same else ""
    return [
        (Part("from  ", Tone.MUTED), found.source),
        (Part("to    ", Tone.MUTED), target, same),
        (Part("OLORIN_USE_SEPARATE_DATABASE is ", Tone.MUTED), flags[found.flag]),
        *(
            line
            for problem in (found.source_problem, found.target_problem)
            if problem
            for line in problem_lines(problem)
        ),
    ]


def heat_lines(partitions: Sequence[Partition], share: float | None = None) -> list[tuple[Cell, ...]]:
    """The partitions as cells, ten a line in the order of their numbers; the fuller, the darker.

    share: rows that each of them is to have; their mean where it is not known.
    """
    ordered = sorted(partitions, key=lambda each: (each.number is None, each.number or 0, each.name))
    known = [each.rows for each in ordered if each.rows is not None]
    mean = share or (sum(known) / len(known) if known else 0.0)
    return [
        (Part(f"{at:>3} ", Tone.MUTED), *(heat(each.rows, mean) for each in ordered[at : at + CELLS_A_LINE]))
        for at in range(0, len(ordered), CELLS_A_LINE)
    ]


def heat(rows: int | None, mean: float) -> Part:
    """A partition's cell: its rows as a share of the mean.

    >>> [heat(rows, 10.0).text for rows in (None, 0, 5, 10, 15, 16)]
    ['??', '··', '░░', '▒▒', '▓▓', '██']
    """
    if rows is None:
        return Part("??", Tone.NO_DATA)
    if rows == 0:
        return Part("··", Tone.MUTED)
    share = rows / mean if mean else 0.0
    if share > SKEW_GATE:
        return Part("██", Tone.WARNING)
    return Part("░░" if share <= 0.5 else "▒▒" if share <= 1.0 else "▓▓", Tone.ACCENT)


LEGEND: Final = f"░ ≤½ ▒ ≤1 ▓ ≤{SKEW_GATE} █ more × mean"


def chunks_facts(found: Chunks) -> list[tuple[Cell, ...]]:
    """The table in labels and values."""
    formulas = [(_label(place), f"{each.text}  ({each.where})") for place, each in enumerate(found.formulas)]
    version = f"PostgreSQL {found.server_version // 10_000}.{found.server_version % 10_000}"
    lines = pairs(
        [
            ("table", found.table),
            ("server", version),
            ("layout", found.layout + (f" on {found.key.partition(' ')[2]}" if found.key else "")),
            *formulas,
            *([("triggers", ", ".join(found.triggers))] if found.triggers else []),
            ("rows", Part("unknown", Tone.NO_DATA) if found.rows is None else f"{found.rows:,} (estimated)"),
            ("size", size(found.size_bytes)),
            ("skew", skew_cell(found)),
        ],
        label_width=10,
    )
    return [*lines, (Part(LEGEND, Tone.MUTED),)] if found.partitions else lines


def _label(place: int) -> str:
    return "" if place else "key is"


def skew_cell(found: Chunks) -> Cell:
    """The fullest partition over the mean, and how that is judged."""
    if found.skew is None:
        return Part("no data" if found.partitions else "–", Tone.MUTED)
    state = skew_state(found)
    if state is State.NO_DATA:
        return f"{found.skew:.2f} (not judged below {SKEW_COLLECTIONS:,} collections)"
    tone = Tone.WARNING if state is State.WARNING else Tone.OK
    return Part(f"{found.skew:.2f} (gate {SKEW_GATE})", tone)


def table_row(table: BotTable) -> Row:
    """A table of the bot sessions' model."""
    state = state_part(State.OK, "there") if table.present else state_part(State.WARNING, "missing")
    amounts = (count(table.rows), size(table.size_bytes)) if table.present else ("", "")
    return Row(table.name, (table.name, *amounts, state))
