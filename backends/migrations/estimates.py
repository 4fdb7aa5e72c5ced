"""Estimates of rows from Postgres' catalogue, and how evenly they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def estimated_rows(row: Mapping[str, Any]) -> int | None:
    """Rows of a table from its `tuples` (reltuples), `live` (n_live_tup) and `heap` (bytes); None if unknown.

    reltuples is -1 (0 before version 14) until the table was analysed; the live counter is lost with a crash.

    >>> [estimated_rows({"tuples": t, "live": l, "heap": h}) for t, l, h in [(9, 5, 1), (-1, 5, 1), (-1, 0, 0)]]
    [9, 5, 0]
    >>> estimated_rows({"tuples": -1, "live": 0, "heap": 8192}) is None
    True
    """
    if row["tuples"] > 0:
        return int(row["tuples"])
    if row["live"] > 0:
        return int(row["live"])
    return 0 if row["heap"] == 0 or row["tuples"] == 0 else None


def total(rows: Sequence[int | None]) -> int | None:
    """The sum, None where one is unknown."""
    known = [each for each in rows if each is not None]
    return sum(known) if len(known) == len(rows) else None


def skew(rows: Sequence[int | None]) -> float | None:
    """The fullest partition's rows over the mean; None where there are none, or one is unknown.

    >>> skew([10, 10, 40]), skew([0, 0]), skew([1, None])
    (2.0, None, None)
    """
    rows_of_all = total(rows)
    if not rows_of_all:
        return None
    return max(each for each in rows if each is not None) * len(rows) / rows_of_all
