"""Queries kept one a file: `queries/<name>.sql` beside the module that asks for them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

_PLACE: Final = re.compile(r"\$(\d+)")


@cache
def query(module_file: str, name: str) -> str:
    """The text of the query, with the comment that says what it costs. Pass `__file__` as module_file."""
    return (Path(module_file).parent / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def inlined(sql: str, *values: str | int) -> str:
    """The query with its values in it: a message of several statements takes no parameters.

    >>> inlined("SELECT $2, $1", "it's", 7)
    "SELECT 7, 'it''s'"
    """
    said = [str(int(value)) if isinstance(value, int) else literal(value) for value in values]
    return _PLACE.sub(lambda found: said[int(found[1]) - 1], sql)


def literal(text: str) -> str:
    """The text as an SQL literal, whatever `standard_conforming_strings` is.

    >>> literal("it's")
    "'it''s'"
    """
    escaped = text.replace("'", "''")
    return f"E'{escaped}'".replace("\\", "\\\\") if "\\" in text else f"'{escaped}'"
