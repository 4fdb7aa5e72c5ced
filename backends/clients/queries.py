"""Queries kept one a file: `queries/<name>.sql` beside the module that asks for them."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def query(module_file: str, name: str) -> str:
    """The text of the query, with the comment that says what it costs. Pass `__file__` as module_file."""
    return (Path(module_file).parent / "queries" / f"{name}.sql").read_text(encoding="utf-8")
