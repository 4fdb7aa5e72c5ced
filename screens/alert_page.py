"""An alert's page: what is known of it, and its runbook's steps with the commands to copy, in their order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult

from backends.alerts.model import Alert, Change
from backends.alerts.runbooks import Step, pages_for
from screens.alert_rows import facts
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.page import Page
from widgets.panel import Panel
from widgets.tone import Part, Tone

if TYPE_CHECKING:
    from backends.alerts.watch import AlertsService

REFRESH_S = 10.0


class AlertScreen(LiveScreen):
    """One alert."""

    KEY = "0"
    COMMAND = "check"
    AUTO_FOCUS = "Grid"
    DEFAULT_CSS = """
    AlertScreen {
        & > Panel { margin: 1 1 0 1; }
        & #facts { height: auto; max-height: 45vh; }
        & > #steps { margin: 1 1 0 1; height: 1fr; }
    }
    """
    STEPS: ClassVar = (Column("", 2, align="right"), Column("step", 30, flexible=True), Column("olorin …", 38, drop=1))

    def __init__(self, frame: Frame, alerts: AlertsService, alert: Alert) -> None:
        super().__init__(frame)
        self._alerts = alerts
        self._alert = alert
        self._changes: tuple[Change, ...] = ()
        self._steps = [(page.title, step) for page in pages_for(alert.rule.runbook) for step in page.steps]

    def body(self) -> ComposeResult:
        """The facts above the steps."""
        yield Panel(self._alert.rule.id, Page(id="facts"), id="alert")
        yield Grid(*self.STEPS, id="steps")

    def on_mount(self) -> None:
        """Follows the alert while it is looked at."""
        self.query_one("#facts", Page).can_focus = False
        self.follow(
            "alert", self._alerts.board, lambda _: self._draw(), self.query_one("#alert", Panel), refresh=REFRESH_S
        )
        history = partial(self._alerts.history, self._alert.rule.id)
        self.follow("changes", history, self._show_changes, refresh=REFRESH_S)
        self.query_one("#steps", Grid).show(self._rows())
        self._draw()

    def command(self) -> str:
        """The command of the step under the cursor."""
        step = self._step()
        return step.command if step is not None and step.command else f"check --only {self._alert.rule.group}"

    def back(self) -> None:
        """Back to the overview."""
        self.app.pop_screen()

    def changed(self) -> None:
        """A reading was shown, or a second passed."""
        self._draw()

    def _show_changes(self, changes: tuple[Change, ...]) -> None:
        self._changes = changes

    def _draw(self) -> None:
        board = self.reading("alert").value
        found = next((each for each in board.alerts if each.rule.id == self._alert.rule.id), None) if board else None
        self._alert = found or self._alert
        self.query_one("#facts", Page).show(facts(self._alert, self._changes))

    def _step(self) -> Step | None:
        key = self.query_one("#steps", Grid).cursor_key
        return self._steps[int(key)][1] if key is not None and key.isdigit() else None

    def _rows(self) -> list[Row]:
        rows: list[Row] = []
        title = ""
        for at, (page, step) in enumerate(self._steps):
            if page != title:
                title = page
                number = 0
                rows.append(Row(f"page {at}", ("", Part(title, Tone.STRONG), "")))
            number += 1
            command = Part(step.command, Tone.ACCENT)
            rows.append(Row(str(at), (str(number), step.text, command)))
        return rows
