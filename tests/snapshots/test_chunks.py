"""Pictures of the chunks' page at each stage, and of what its keys ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.migrations.repartition.standing import Progress, Proven
from tests import fixed_chunks as fixed
from tests.snapshots.test_migrations import pressing
from tests.stage import staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
STAGES = {
    "never": (fixed.NEVER, Proven(), "never re-partitioned"),
    "copying": (fixed.COPYING, fixed.BEFORE, "Lines for"),
    "failed": (fixed.FAILED, fixed.BEFORE, "could not be copied"),
    "ready": (fixed.READY, fixed.BEFORE, "must stop naming"),
    "swapped": (fixed.SWAPPED, fixed.AFTER, "Board after the swap"),
}
Compare = Callable[..., bool]


@SIZES
@pytest.mark.parametrize(("progress", "proven", "text"), STAGES.values(), ids=STAGES)
def test_stages(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], progress: Progress, proven: Proven, text: str
) -> None:
    """The worst and what comes next first; the heat map beside it."""
    app = staged(tmp_path, "3", fixed.chunks_page(tmp_path, fixed.FixedRepartition(progress, proven)))
    assert snap_compare(app, terminal_size=size, run_before=pressing("next", "r", text))


@SIZES
def test_plan(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What a dry run found, red before all."""
    service = fixed.FixedRepartition(fixed.NEVER, fixed.BEFORE, fixed.RED)
    app = staged(tmp_path, "3", fixed.chunks_page(tmp_path, service))
    assert snap_compare(app, terminal_size=size, run_before=pressing("rehearsed", "d", "3 rows have no id"))


DIALOGS = {
    "execute": (fixed.NEVER, "never re-partitioned", ("d", "checks are green", "x", "--execute --plan")),
    "swap": (fixed.READY, "ready to swap", ("s", "names are exchanged")),
    "drop": (fixed.SWAPPED, "Board after", ("D", "no way back")),
}


@SIZES
@pytest.mark.parametrize(("progress", "first", "steps"), DIALOGS.values(), ids=DIALOGS)
def test_dialogs(
    snap_compare: Compare,
    tmp_path: Path,
    size: tuple[int, int],
    progress: Progress,
    first: str,
    steps: tuple[str, ...],
) -> None:
    """What a person agrees to."""
    service = fixed.FixedRepartition(progress, fixed.AFTER if progress is fixed.SWAPPED else fixed.BEFORE)
    app = staged(tmp_path, "3", fixed.chunks_page(tmp_path, service))
    assert snap_compare(app, terminal_size=size, run_before=pressing(first, *steps))
