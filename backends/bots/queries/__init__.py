"""The SQL of the bot sessions, one query a file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The text of `name.sql`."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
