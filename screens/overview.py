"""Screen 0: one row for each system, the worst first thing one sees; enter opens its screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from backends.alerts.model import Standing, System
from backends.alerts.rules import overall, standing
from backends.sampling.state import State
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.page import Page
from widgets.panel import freshness_parts, problem_lines, state_of
from widgets.tone import Cell, Part, Tone, plain_text, state_part


class OverviewScreen(LiveScreen):
    """How every system stands."""

    KEY = "0"
    COMMAND = "check"
    DEFAULT_CSS = """
    OverviewScreen {
        & > #worst { height: 1; margin: 1 1 0 1; }
        & > Grid { margin: 1 1 0 1; height: auto; max-height: 8; }
        & > #finding { margin: 1 2 0 2; }
    }
    """

    class Opened(Message):
        """The person opened a system's screen."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    COLUMNS: ClassVar = (
        Column("", 1),
        Column("system", 10),
        Column("state", 16),
        Column("worst finding", 20, flexible=True),
        Column("age", 18, drop=1),
    )

    def __init__(self, frame: Frame, systems: Sequence[System]) -> None:
        super().__init__(frame)
        self._systems = systems

    def body(self) -> ComposeResult:
        """The worst state in words, and the systems."""
        yield Line(id="worst")
        yield Grid(*self.COLUMNS)
        yield Page(id="finding")

    def on_mount(self) -> None:
        """Follows each system on its own, so that a slow one keeps no other waiting."""
        for system in self._systems:
            self.follow(system.name, system.read, lambda _: None, refresh=system.refresh)
        self.draw()

    def draw(self) -> None:
        """Draws every row as things stand now."""
        rows = [self._row(system) for system in self._systems if self.filter_text in system.name]
        self.query_one(Grid).show(rows)
        self.query_one("#worst", Line).show(*self._headline())
        self._detail()

    def filtered(self, text: str) -> None:
        """Keeps the systems whose name holds the text."""
        self.draw()

    def changed(self) -> None:
        """Readings or ages changed."""
        self.draw()

    @on(Grid.Selected)
    def _open(self, message: Grid.Selected) -> None:
        if message.key is not None:
            self.post_message(self.Opened(message.key))

    @on(Grid.Highlighted)
    def _look_at(self) -> None:
        self._detail()

    def _detail(self) -> None:
        """The finding of the system under the cursor, whole, since the table cuts it."""
        key = self.query_one(Grid).cursor_key
        system = next((each for each in self._systems if each.key == key), None)
        page = self.query_one("#finding", Page)
        if system is None:
            page.show([])
            return
        stand = self._standing(system)
        lines: list[tuple[Cell, ...]] = [(Part(f"{system.name}: ", Tone.STRONG), stand.headline)]
        page.show(lines if stand.problem is None else [(lines[0][0],), *problem_lines(stand.problem)])

    def _standing(self, system: System) -> Standing:
        reading = self.reading(system.name)
        return standing(system.name, reading.value, reading.problem)

    def _row(self, system: System) -> Row:
        reading, stand = self.reading(system.name), self._standing(system)
        age = freshness_parts(reading, self.frame.now())
        state = state_of(reading, stand.state, self.frame.now())
        cells = (Part(system.key, Tone.ACCENT), system.name, state, stand.headline, Part(plain_text(age), age[0].tone))
        return Row(system.key, cells)

    def _headline(self) -> tuple[Part, ...]:
        waiting = sum(not self.reading(system.name).number for system in self._systems)
        if waiting:
            return (Part(f"◌ asking {waiting} of {len(self._systems)} systems", Tone.MUTED),)
        standings = [self._standing(system) for system in self._systems]
        state = overall(standings)
        if state is State.OK:
            return (state_part(state, "everything is ok"),)
        worst_ones = [each for each in standings if each.state is state]
        if not worst_ones:
            return (state_part(State.NOT_CONFIGURED, "nothing is configured: screen 1 says what to set"),)
        others = f" (and {len(worst_ones) - 1} more)" if len(worst_ones) > 1 else ""
        return (
            state_part(state),
            Part(f" {worst_ones[0].name}{others}: ", Tone.STRONG),
            Part(worst_ones[0].headline),
        )
