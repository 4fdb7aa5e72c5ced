"""The overview's alerts with nothing wrong, with everything wrong and with Mongo down; an alert's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.alerts.watch import AlertsService
from backends.runs.model import Progress, Run, RunState, Unit
from backends.runs.service import RunPage
from backends.sampling.measure import Absent, Measure, measured
from screens.frame import Frame
from screens.overview import OverviewScreen
from tests.fixed_alerts import all_well, all_wrong, fixed_alerts
from tests.snapshots.test_overview import QUIET, SIZES, TROUBLED
from tests.stage import NOW, answer, shown, staged
from widgets.grid import Grid

Compare = Callable[..., bool]
RUNS = RunPage(
    (
        Run(
            "clean-20260120-030000-a1", "orphans.clean", RunState.RUNNING.value, since=NOW, holder="ops@db1 pid 7",
            progress=Progress((Unit("content_embeddings", 1_000, 420),)),
        ),
    )
)  # fmt: skip


def screen(alerts: AlertsService, systems: Any) -> Callable[[Frame], OverviewScreen]:
    return lambda frame: OverviewScreen(frame, systems, alerts, answer(RUNS))


def until(*texts: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        for text in texts:
            await shown(pilot, text)

    return before


@SIZES
def test_nothing_wrong(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Six systems, every rule ok."""
    app = staged(tmp_path, "0", screen(fixed_alerts(tmp_path, all_well()), QUIET))
    assert snap_compare(app, terminal_size=size, run_before=until("nothing wrong", "orphans.clean", "everything is ok"))


@SIZES
def test_everything_wrong(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Every rule fires, in production."""
    app = staged(tmp_path, "0", screen(fixed_alerts(tmp_path, all_wrong()), TROUBLED), kind="production")
    texts = ("bots.ghosts", "orphans.clean", "new → firing", "✖ critical config: PARTNER")
    assert snap_compare(app, terminal_size=size, run_before=until(*texts))


@SIZES
def test_mongo_down(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What depends on it is told below it."""
    well = [each for each in all_well() if each.name.partition(".")[0] not in {"pools", "orphans", "runs", "servers"}]
    down = measured("servers.mongo", 1, "main", "cannot connect: No server answers: connection refused")
    rest = [Measure.missing(f"servers.{name}", Absent.NOT_CONFIGURED) for name in ("orchestration", "chunks", "model")]
    app = staged(tmp_path, "0", screen(fixed_alerts(tmp_path, [*well, down, *rest]), QUIET))
    texts = ("└ orphans", "1 critical", "orphans.clean", "new → firing")
    assert snap_compare(app, terminal_size=size, run_before=until(*texts))


@SIZES
def test_an_alert(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What is known of it, and what to do in which order."""
    alerts = fixed_alerts(tmp_path, all_wrong())

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "bots.ghosts")
        await alerts.acknowledge("orphans.count", "cleaning up with Ada", 8)
        await pilot.press("r", "tab")
        grid = pilot.app.screen.query_one("#alerts", Grid)
        await pilot.press("slash", *"orphans.count", "enter")
        await shown(pilot, "acknowledged")
        grid.focus()
        await pilot.press("enter")
        await shown(pilot, "Count them now")
        await shown(pilot, "cleaning up with Ada")

    app = staged(tmp_path, "0", screen(alerts, QUIET))
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(60, 20)], ids=["60x20"])
def test_the_worst_alert_is_seen_in_a_small_terminal(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Nothing is lost but columns."""
    app = staged(tmp_path, "0", screen(fixed_alerts(tmp_path, all_wrong()), TROUBLED))
    assert snap_compare(app, terminal_size=size, run_before=until("bots.ghosts", "orphans.clean", "new → firing"))
