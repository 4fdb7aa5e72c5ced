"""Missing parents as a file: CSV that no spreadsheet executes, JSON, or JSON lines; written row by row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import IO, Final, Literal

from backends.orphans.model import MissingParent
from backends.sampling.jsonable import jsonable

Format = Literal["csv", "json", "jsonl"]
FORMATS: Final[tuple[Format, ...]] = ("csv", "json", "jsonl")

FIELDS: Final = (
    "collection", "field", "parent_id", "state", "documents", "bytes", "first_seen", "last_seen", "oldest", "newest",
    "vanishes_at",
)  # fmt: skip

_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def record(found: MissingParent) -> dict[str, object]:
    """A missing parent as JSON's types, in the order of FIELDS."""
    return {name: jsonable(found.size_bytes if name == "bytes" else getattr(found, name)) for name in FIELDS}


def inert(value: object) -> str:
    """The value as a CSV cell; a text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> inert("=1+1"), inert(" @x"), inert(-5), inert(None), inert("plain")
    ("'=1+1", "' @x", '-5', '', 'plain')
    """
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_BEGINS_A_FORMULA) else text


def csv_line(cells: Iterable[object]) -> str:
    """The cells as one line of CSV (RFC 4180), every text inert."""
    line = io.StringIO()
    csv.writer(line).writerow([inert(cell) for cell in cells])
    return line.getvalue()


async def write(format_: Format, found: AsyncIterator[MissingParent], out: IO[str]) -> int:
    """Writes the parents, whose texts are safe to show already; returns how many. Raises OSError, BackendError."""
    rows = 0
    out.write(_HEADS[format_])
    async for parent in found:
        out.write(_row(format_, record(parent), first=not rows))
        rows += 1
    out.write("\n]\n" if format_ == "json" else "")
    return rows


_HEADS: Final[Mapping[Format, str]] = {"csv": csv_line(FIELDS), "json": "[", "jsonl": ""}


def _row(format_: Format, values: Mapping[str, object], *, first: bool) -> str:
    if format_ == "csv":
        return csv_line(values.values())
    text = json.dumps(values)
    return f"{text}\n" if format_ == "jsonl" else f"{'' if first else ','}\n{text}"
