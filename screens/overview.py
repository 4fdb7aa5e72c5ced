"""Screen 0: one row for each system, the alerts with root causes first, runs in progress, what changed lately."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from backends.alerts.folding import worst_first
from backends.alerts.model import Alert, Board, Change, Standing, System
from backends.alerts.rules import overall, standing
from backends.alerts.words import hand_over, how_long, said
from backends.clients.errors import BackendError
from backends.runs.model import Run
from backends.sampling.state import State
from screens.alert_page import AlertScreen
from screens.alert_rows import ALERT_COLUMNS, alert_rows, below_lines, going_on, heading, run_line
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.lines import Lines
from widgets.page import Page
from widgets.panel import freshness_parts, problem_lines, state_of
from widgets.prompt import Prompt
from widgets.tone import Cell, Part, Tone, plain_text, state_part

if TYPE_CHECKING:
    from backends.alerts.watch import AlertsService
    from backends.runs.service import RunPage

ALERTS: Final = "alerts"
CHANGES: Final = "changes"
RUNS: Final = "runs"
"""The sources beside the systems."""

ALERTS_REFRESH_S: Final = 15.0
ALERTS_DEADLINE_S: Final = 20.0
SNOOZE_HOURS: Final = 1


@contextmanager
def said_of(screen: LiveScreen, title: str) -> Iterator[None]:
    """Tells the person why something was not done."""
    try:
        yield
    except BackendError as error:
        screen.notify(f"{error.message} {error.hint}", title=f"{title}: {error.kind}", severity="error", markup=False)


class OverviewScreen(LiveScreen):
    """How every system stands."""

    KEY = "0"
    COMMAND = "check"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "acknowledge(8)", "acknowledge", tooltip="Take care of the alert under the cursor, for 8 hours"),
        Binding("z", "acknowledge(1)", "snooze", tooltip="Snooze the alert under the cursor for an hour"),
        Binding("u", "release", "release", show=False, tooltip="Take an acknowledgement or snooze back"),
        Binding("H", "hand_over", "hand over", tooltip="Copy what the next shift has to know"),
    ]
    DEFAULT_CSS = """
    OverviewScreen {
        & > #worst, & > #heading { height: 1; margin: 0 1; }
        & > #systems { margin: 0 1; height: auto; max-height: 8; }
        & > #alerts { margin: 0 1; height: 1fr; min-height: 2; }
        & > #finding { margin: 0 1; height: 2; }
        & > #below { margin: 0 1; height: auto; }
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

    def __init__(
        self,
        frame: Frame,
        systems: Sequence[System],
        alerts: AlertsService | None = None,
        runs: Callable[[], Awaitable[RunPage]] | None = None,
    ) -> None:
        super().__init__(frame)
        self._systems = systems
        self._alerts = alerts
        self._runs = runs
        self._asked = ("", 0)
        self._looked_at: datetime | None = None  # a frozen display keeps its alerts' ages with the alerts

    def body(self) -> ComposeResult:
        """The worst state in words, the systems, the alerts, what is under the cursor, runs and changes."""
        yield Line(id="worst")
        yield Grid(*self.COLUMNS, id="systems")
        yield Line(id="heading")
        yield Grid(*ALERT_COLUMNS, empty="asking", id="alerts")
        yield Page(id="finding")
        yield Lines(id="below")
        yield Prompt("Why, for whoever sees it next (30m, 2h or 3d first: for how long):", limit=200, id="reason")

    def on_mount(self) -> None:
        """Follows each system on its own, so that a slow one keeps no other waiting."""
        for system in self._systems:
            self.follow(system.name, system.read, lambda _: None, refresh=system.refresh)
        if self._alerts is not None:
            look = self._alerts.board
            self.follow(ALERTS, look, self._looked, refresh=ALERTS_REFRESH_S, deadline=ALERTS_DEADLINE_S)
            self.follow(CHANGES, self._alerts.changes, lambda _: None, refresh=ALERTS_REFRESH_S)
        if self._runs is not None:
            self.follow(RUNS, self._runs, lambda _: None, refresh=ALERTS_REFRESH_S)
        self.query_one("#finding", Page).can_focus = False
        self.draw()

    def _looked(self, _: Board) -> None:
        # The look at the alerts writes down what changed.
        self.read_now(CHANGES)

    def draw(self) -> None:
        """Draws every row as things stand now."""
        rows = [self._row(system) for system in self._systems if self.filter_text in system.name]
        self.query_one("#systems", Grid).show(rows)
        self.query_one("#worst", Line).show(*self._headline())
        self._draw_alerts()
        self._detail()

    def _draw_alerts(self) -> None:
        board, problem = self._board, self.reading(ALERTS).problem if self._alerts is not None else None
        self.query_one("#heading", Line).show(*heading(board, problem.message if problem else ""))
        if self._looked_at is None or not self.frozen:
            self._looked_at = self.frame.now()
        rows = alert_rows(board, self.filter_text, self._looked_at) if board is not None else []
        self.query_one("#alerts", Grid).show(rows, empty="asking" if self._board is None else "no alert")
        room = max(self.size.height // 5 - 2, 2)
        self.query_one("#below", Lines).show(below_lines(self._going_on, self._changes, room))

    @property
    def _board(self) -> Board | None:
        board: Board | None = self.reading(ALERTS).value if self._alerts is not None else None
        return board

    @property
    def _changes(self) -> tuple[Change, ...]:
        changes: tuple[Change, ...] | None = self.reading(CHANGES).value if self._alerts is not None else None
        return changes or ()

    @property
    def _going_on(self) -> list[Run]:
        page: RunPage | None = self.reading(RUNS).value if self._runs is not None else None
        return going_on(page.runs) if page is not None else []

    def _alert(self) -> Alert | None:
        """The alert under the cursor."""
        key, board = self.query_one("#alerts", Grid).cursor_key, self._board
        return next((each for each in board.alerts if each.rule.id == key), None) if board is not None else None

    def action_acknowledge(self, hours: int) -> None:
        """Asks why, then takes care of the alert under the cursor: for so many hours, or as the person says; what is
        usually for one hour is a snooze.
        """
        alert = self._alert()
        if self._alerts is None or alert is None:
            self.notify("There is no alert under the cursor.", markup=False)
            return
        self._asked = (alert.rule.id, hours)
        self.query_one("#reason", Prompt).open()

    @on(Prompt.Given)
    def _reason_given(self, message: Prompt.Given) -> None:
        id_, hours = self._asked
        if message.text:
            self._keep(id_, message.text, hours)
        self.query_one("#alerts", Grid).focus()

    @work(exit_on_error=False)
    async def _keep(self, id_: str, reason: str, hours: int) -> None:
        if self._alerts is not None:
            with said_of(self, id_):
                why, lasts = how_long(reason, hours)
                given = await self._alerts.acknowledge(id_, why, lasts, snooze=hours == SNOOZE_HOURS)
                self.notify(f"until {given.until:%m-%d %H:%M} UTC, for everybody on this host", title=id_, markup=False)
            self.read_now(ALERTS)

    @work(exit_on_error=False)
    async def action_release(self) -> None:
        """Takes the acknowledgement of the alert under the cursor back."""
        alert = self._alert()
        if self._alerts is not None and alert is not None and alert.acknowledged is not None:
            with said_of(self, alert.rule.id):
                await self._alerts.release(alert.rule.id)
            self.read_now(ALERTS)

    def action_hand_over(self) -> None:
        """Copies what the next shift has to know."""
        if self._board is None:
            self.notify("The alerts are not known yet.", markup=False)
            return
        runs = [run_line(run) for run in self._going_on]
        self.app.copy_to_clipboard(hand_over(self._board, runs, self._changes, self.frame.profile))
        self.notify("Alerts, runs and changes, as text.", title="copied", markup=False)

    def filtered(self, text: str) -> None:
        """Keeps the systems whose name holds the text."""
        self.draw()

    def changed(self) -> None:
        """Readings or ages changed."""
        self.draw()

    @on(Grid.Selected, "#systems")
    def _open(self, message: Grid.Selected) -> None:
        if message.key is not None:
            self.post_message(self.Opened(message.key))

    @on(Grid.Selected, "#alerts")
    def _open_alert(self) -> None:
        alert = self._alert()
        if self._alerts is not None and alert is not None:
            self.app.push_screen(AlertScreen(self.frame, self._alerts, alert))

    @on(Grid.Highlighted)
    def _look_at(self) -> None:
        self._detail()

    def on_descendant_focus(self) -> None:
        """What is told whole is what stands under the cursor of the table that has the focus."""
        self._detail()

    def _detail(self) -> None:
        """What is under the cursor, whole, since the table cuts it."""
        page = self.query_one("#finding", Page)
        alert = self._alert() if self.query_one("#alerts", Grid).has_focus else None
        if alert is not None:
            todo = (Part("do: ", Tone.MUTED), alert.rule.todo)
            page.show([(Part(f"{alert.rule.id}: ", Tone.STRONG), said(alert)), todo])
            return
        key = self.query_one("#systems", Grid).cursor_key
        system = next((each for each in self._systems if each.key == key), None)
        if system is None:
            page.show([])
            return
        stand = self._standing(system)
        lines: list[tuple[Cell, ...]] = [(Part(f"{system.name}: ", Tone.STRONG), stand.headline)]
        page.show(lines if stand.problem is None else [(lines[0][0],), *problem_lines(stand.problem)])

    def _all_well(self) -> tuple[Part, ...]:
        """What is said where every system is: the worst alert, if there is one all the same."""
        if self._alerts is not None and not self.reading(ALERTS).number:
            return (Part("◌ asking the alert rules", Tone.MUTED),)
        wrong = [each for each in worst_first(self._board.alerts) if not each.cause] if self._board else []
        if self._board is None or not wrong or self._board.state is State.OK:
            return (state_part(State.OK, "everything is ok"),)
        return (state_part(self._board.state), Part(f" {wrong[0].rule.id}: ", Tone.STRONG), Part(said(wrong[0])))

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
            return self._all_well()
        worst_ones = [each for each in standings if each.state is state]
        if not worst_ones:
            return (state_part(State.NOT_CONFIGURED, "nothing is configured: screen 1 says what to set"),)
        others = f" (and {len(worst_ones) - 1} more)" if len(worst_ones) > 1 else ""
        return (
            state_part(state),
            Part(f" {worst_ones[0].name}{others}: ", Tone.STRONG),
            Part(worst_ones[0].headline),
        )
