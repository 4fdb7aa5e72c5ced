"""Screen 0: one row for each system, the worst first thing one sees; enter opens its screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from backends.sampling.reading import Problem, Reading
from backends.sampling.state import State, Summary, worst
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.panel import freshness_parts
from widgets.tone import Part, Tone, plain_text, state_part


@dataclass(frozen=True, slots=True)
class System:
    """A system: the key and name of its screen, how often to look (seconds), and what tells its state."""

    key: str
    name: str
    refresh: float
    read: Callable[[], Awaitable[Summary]]


class OverviewScreen(LiveScreen):
    """How every system stands."""

    KEY = "0"
    COMMAND = "check"
    DEFAULT_CSS = """
    OverviewScreen {
        & > #worst { height: 1; margin: 1 1 0 1; }
        & > Grid { margin: 1 1 0 1; }
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
        Column("age", 26, drop=1),
    )

    def __init__(self, frame: Frame, systems: Sequence[System]) -> None:
        super().__init__(frame)
        self._systems = systems

    def body(self) -> ComposeResult:
        """The worst state in words, and the systems."""
        yield Line(id="worst")
        yield Grid(*self.COLUMNS)

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

    def _row(self, system: System) -> Row:
        reading = self.reading(system.name)
        state, headline = stand(reading)
        age = freshness_parts(reading, self.frame.now())
        return Row(
            system.key,
            (
                Part(system.key, Tone.ACCENT),
                system.name,
                _state_cell(reading, state),
                headline,
                Part(plain_text(age), age[0].tone),
            ),
        )

    def _headline(self) -> tuple[Part, ...]:
        readings = [self.reading(system.name) for system in self._systems]
        state = worst(stand(reading)[0] for reading in readings)
        waiting = sum(not reading.number for reading in readings)
        if waiting:
            return (Part("◌ asking ", Tone.MUTED), Part(f"{waiting} of {len(readings)} systems", Tone.MUTED))
        if state is State.OK:
            return (state_part(state, "everything is ok"),)
        count = sum(stand(reading)[0] is state for reading in readings)
        return (state_part(state), Part(f" in {count} of {len(readings)} systems", Tone.MUTED))


def stand(reading: Reading[Summary]) -> tuple[State, str]:
    """State and headline of a system, its source's problem included: who can't be asked is never ok."""
    if reading.problem is not None:
        return _problem_state(reading.problem), f"{reading.problem.kind}: {reading.problem.message}"
    if reading.value is None:
        return State.NO_DATA, ""
    return reading.value.state, reading.value.headline


def _problem_state(problem: Problem) -> State:
    return State.NOT_CONFIGURED if problem.kind == "not configured" else State.NO_DATA


def _state_cell(reading: Reading[Summary], state: State) -> Part:
    return state_part(state) if reading.number else Part("◌ asking", Tone.MUTED)
