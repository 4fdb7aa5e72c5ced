"""The overview, the help and the error panel, at both sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.alerts.model import System
from backends.clients.errors import CannotConnect
from backends.sampling.state import State, Summary
from screens.frame import Frame
from screens.overview import OverviewScreen
from tests.stage import StagedApp, answer, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


async def unreachable() -> Summary:
    raise CannotConnect("No server answers: connection refused", where="db:5432", hint="Is it running?")


QUIET = tuple(
    System(str(key), name, 2.0, answer(Summary(State.OK, "nothing to do")))
    for key, name in enumerate(("config", "pools", "migrations", "orphans", "bots", "drafting"), 1)
)
TROUBLED = (
    System(
        "1",
        "config",
        2.0,
        answer(Summary(State.CRITICAL, "PARTNER_API_KEY_SALT is shorter than 32 characters (and 4 more)")),
    ),
    System("2", "pools", 2.0, answer(Summary(State.WARNING, "olorin: 3 requests wait for a connection"))),
    System("3", "migrations", 2.0, answer(Summary(State.OK, "7 collections equal in count"))),
    System("4", "orphans", 2.0, answer(Summary(State.WARNING, "12,034 orphans in 3 collections"))),
    System("5", "bots", 2.0, unreachable),
    System("6", "drafting", 2.0, answer(Summary(State.NOT_CONFIGURED, "set OPENAI_API_KEY"))),
)


def overview(systems: tuple[System, ...]) -> Callable[[Frame], OverviewScreen]:
    return lambda frame: OverviewScreen(frame, systems)


def until(text: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, text)

    return before


@SIZES
def test_everything_is_ok(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Six systems, all ok."""
    app = staged(tmp_path, "0", overview(QUIET))
    assert snap_compare(app, terminal_size=size, run_before=until("everything is ok"))


@SIZES
def test_trouble_in_production(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The worst comes first; production is unmistakable."""
    app = staged(tmp_path, "0", overview(TROUBLED), kind="production")
    assert snap_compare(app, terminal_size=size, run_before=until("✖ critical config: PARTNER"))


@SIZES
def test_help(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The keys that are valid now."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "everything is ok")
        await pilot.press("question_mark")
        await shown(pilot, "Keys valid now")

    assert snap_compare(staged(tmp_path, "0", overview(QUIET)), terminal_size=size, run_before=before)


@SIZES
def test_palette(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The commands by name."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "everything is ok")
        await pilot.press("colon")
        await shown(pilot, "Copy the equivalent command")

    assert snap_compare(staged(tmp_path, "0", overview(QUIET)), terminal_size=size, run_before=before)


@SIZES
def test_frozen(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A frozen display says so."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "everything is ok")
        await pilot.press("space")
        await shown(pilot, "FROZEN")

    quiet = tuple(System(each.key, each.name, 3600.0, each.read) for each in QUIET)
    assert snap_compare(StagedApp(tmp_path, {"0": overview(quiet)}), terminal_size=size, run_before=before)
