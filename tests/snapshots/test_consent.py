"""The dialog before a change, read-only and armed, at both sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.screens.changing import app_of, type_by_hand
from tests.stage import shown

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


def asked(*keys: str, typed: str = "", end: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "41 % moved")
        await pilot.press("p", *keys)
        await type_by_hand(pilot, typed)
        await shown(pilot, end)

    return before


@SIZES
def test_read_only(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What will be done, and that ! comes first."""
    assert snap_compare(app_of(tmp_path), terminal_size=size, run_before=asked(end="read-only"))


@SIZES
def test_typing_in_production(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Armed, with half of the name typed."""
    run = asked("exclamation_mark", "enter", typed="produ", end="produ▏")
    assert snap_compare(app_of(tmp_path, "production"), terminal_size=size, run_before=run)


@SIZES
def test_armed_title(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The countdown in production's title."""
    run = asked("escape", "exclamation_mark", end="ARMED 10:00")
    assert snap_compare(app_of(tmp_path, "production"), terminal_size=size, run_before=run)
