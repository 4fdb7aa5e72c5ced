"""The keys that work everywhere, and sources that run only while they are seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot

from screens.base import LiveScreen
from screens.frame import Frame
from tests.nasty import NASTY
from tests.stage import StagedApp, shown
from tests.widgets.harness import screen_text
from widgets.filter_bar import FilterBar
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.panel import Panel
from widgets.tone import plain_text

QUICK = 0.15
"""Seconds between two reads: quicker ones keep the pilot waiting for an idle moment."""


class Counting(LiveScreen):
    """Counts how often it is read, and shows the count."""

    COMMAND = "count things"

    def __init__(self, frame: Frame, key: str) -> None:
        super().__init__(frame)
        self.KEY = key  # type: ignore[misc]
        self.reads = 0

    def body(self) -> ComposeResult:
        yield Panel("things", Line(id="count"), Grid(Column("name", 20)))

    def on_mount(self) -> None:
        self.follow("things", self.read, self.show_count, self.query_one(Panel), refresh=QUICK)

    async def read(self) -> int:
        self.reads += 1
        return self.reads

    def show_count(self, count: int) -> None:
        self.query_one("#count", Line).show(f"read {self.KEY}: {count}.")
        self.filtered(self.filter_text)

    def filtered(self, text: str) -> None:
        rows = [Row(name, (name,)) for name in ("alpha", "beta", "gamma") if text in name]
        self.query_one(Grid).show(rows, empty=f"nothing matches {text}")


def app_of(folder: Path, kind: str = "staging") -> StagedApp:
    def at(key: str) -> object:
        return lambda frame: Counting(frame, key)

    return StagedApp(folder, {key: at(key) for key in "0123456"}, kind)  # type: ignore[misc]


async def read_more(pilot: Pilot[int], times: int = 5) -> int:
    """Waits until the screen in view was read so many times more; returns the count."""
    screen = pilot.app.screen
    assert isinstance(screen, Counting)
    wanted = screen.reads + times
    while screen.reads < wanted:
        await pilot.pause(QUICK)
    return screen.reads


async def test_digits_open_screens_and_only_the_one_in_view_is_read(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0:")
        first = app.screen
        assert isinstance(first, Counting)
        await pilot.press("4")
        await shown(pilot, "read 4:")
        before = first.reads
        await read_more(pilot)
        assert first.reads == before
        await pilot.press("0")
        await shown(pilot, "read 0:")
        assert await read_more(pilot) > before


async def test_a_frozen_display_stands_while_sampling_goes_on(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0:")
        await pilot.press("space")
        await shown(pilot, "FROZEN")
        frozen_at = app.screen.query_one("#count", Line).parts
        count = await read_more(pilot)
        assert app.screen.query_one("#count", Line).parts == frozen_at
        assert plain_text(frozen_at) != f"read 0: {count}."
        await pilot.press("space")
        await read_more(pilot)
        assert app.screen.query_one("#count", Line).parts != frozen_at
        assert "FROZEN" not in "".join(screen_text(app))


async def test_the_filter_narrows_and_escape_clears_it(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "gamma")
        assert app.focused is app.screen.query_one(Grid)
        await pilot.press("slash", "b", "e", "q")
        await shown(pilot, "nothing matches beq")
        await pilot.press("backspace", "enter")
        text = await shown(pilot, "beta")
        assert "alpha" not in text
        assert app.focused is app.screen.query_one(Grid)
        await pilot.press("escape")
        await shown(pilot, "alpha")
        assert app.screen.query_one(FilterBar).value == ""


async def test_keys_are_text_while_a_field_has_the_focus(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press("slash", *"q1? r:")
        await shown(pilot, "nothing matches q1? r:")
        assert app.is_running
        await pilot.press("escape")
        await shown(pilot, "alpha")


async def test_c_copies_the_equivalent_command(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press("c")
        await pilot.pause()
        assert app.clipboard == "olorin --env-file eu-west.env count things"


async def test_e_exports_what_is_shown(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0:")
        await pilot.press("e")
        while not (files := list((tmp_path / "exports").glob("*.json"))):
            await pilot.pause(0.01)
        entry = json.loads(files[0].read_text())["things"]
    assert entry["value"] >= 1
    assert entry["problem"] is None
    assert entry["taken_at"].startswith("2026-01-20T03:04:05")


async def test_the_palette_finds_screens_and_keys(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press("colon", *"open orph")
        await shown(pilot, "Screen 4")
        await pilot.press("enter")
        await shown(pilot, "read 4")


async def test_help_lists_the_keys_and_goes_away(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(100, 40)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press("question_mark")
        text = await shown(pilot, "Keys valid now")
        assert "Freeze the display" in text
        assert "Screen: drafting" in text
        await pilot.press("escape")
        await shown(pilot, "read 0")


@pytest.mark.parametrize(
    ("kind", "production"), [("production", True), ("prod", True), ("live", True), ("staging", False), ("", False)]
)
async def test_production_looks_different(tmp_path: Path, kind: str, production: bool) -> None:
    app = app_of(tmp_path, kind)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await shown(pilot, "read 0")
        assert (kind.upper() in text and "┏" in text) is production or not kind
        assert app.screen.has_class("-production") is production


@pytest.mark.parametrize("name", NASTY)
async def test_a_nasty_profile_name_is_literal(tmp_path: Path, name: str) -> None:
    app = app_of(tmp_path, NASTY[name][:200].replace("\x00", ""))
    async with app.run_test(size=(80, 24)) as pilot:
        assert "\x1b" not in await shown(pilot, "read 0")


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+s"])
async def test_flow_control_keys_do_nothing(tmp_path: Path, key: str) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press(key)
        await pilot.pause()
        assert app.is_running
        assert app.return_value is None


async def test_q_quits_without_a_question(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, "read 0")
        await pilot.press("q")
    assert app.return_value == 0
