"""The collections that the console keeps in the target, and the names under which it sets collections aside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

REFUSED: Final = "console_separation_refused"
"""Documents that the target did not take: their ids, and why."""

CHANGED: Final = "console_separation_changed"
"""Ids of documents that others changed while they were copied; each is read again."""

SWITCH: Final = "console_separation_switch"
"""What is known of the switch: in either database when it was seen, in the main one when it was taken back."""

CONFLICTS: Final = "console_separation_conflicts"
"""Documents that a rollback left as the main database has them: their ids, and why."""

KEPT: Final = "console_separation_kept"
"""What this is followed by a run and a collection: documents that were in the target before, as they were."""


def kept(run_id: str, name: str) -> str:
    """Where documents of the target are kept that a run replaced or removed.

    >>> kept("r1", "usage_records")
    'console_separation_kept_r1_usage_records'
    """
    return f"{KEPT}_{run_id}_{name}"


def moved(run_id: str, name: str) -> str:
    """The name under which a collection of the main database waits after the switch.

    >>> moved("r1", "usage_records")
    'usage_records__moved_r1'
    """
    return f"{name}__moved_{run_id}"


def moved_name(name: str, there: Iterable[str]) -> str:
    """The name under which a collection was set aside last, "" where it was not.

    >>> moved_name("a", ["a__moved_sep-20260301-9", "a__moved_sep-20260301-10", "b"])
    'a__moved_sep-20260301-10'
    """
    return max((each for each in there if each.startswith(f"{name}__moved_")), default="", key=_by_number)


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]
