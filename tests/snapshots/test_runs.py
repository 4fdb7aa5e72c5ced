"""Pictures of the list of runs, of a run's page and of what its keys ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.runs import RunScreen, RunsScreen
from tests.fixed_runs import PAGE, RUNNING, FixedRuns
from tests.stage import shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


@SIZES
def test_list(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """One that runs, one that failed, one that nobody executes; a kind that is halted."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "r-20260118-4")

    app = staged(tmp_path, "3", lambda frame: RunsScreen(frame, FixedRuns(PAGE)))
    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
def test_run(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A bar for each unit, what it waited for, what nobody measures, its history."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "content_embed")

    app = staged(tmp_path, "3", lambda frame: RunScreen(frame, FixedRuns(PAGE, (RUNNING,)), RUNNING.id))
    assert snap_compare(app, terminal_size=size, run_before=before)
