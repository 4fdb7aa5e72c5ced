"""Screen 1: each class's health, every setting with its value and source, and beside them all that is known of one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from backends.clients.errors import BackendError
from backends.config.changes import Change
from backends.config.model import ConfigSnapshot, Finding, Status
from backends.config.service import ConfigService
from backends.config.sync_acts import Direction, ServiceSync, SyncPlan
from backends.safety.gate import Token
from screens import config_parts as parts
from screens.acting import carry_out, say_failure
from screens.base import LiveScreen
from screens.consent import ConsentRequest
from screens.frame import Frame
from widgets.grid import Grid
from widgets.lines import Lines
from widgets.page import Page
from widgets.panel import Panel
from widgets.tone import Part, Tone

LOW: Final = 24
"""Lines of a screen below which only classes with findings have a bar, and the details open in the table's place."""

SERVERS_REFRESH_S: Final = 30.0
"""Seconds between two times that the servers are asked; `r` asks them now."""


SYNC_TITLES: Final = {
    "push": "Push our audio settings to the service",
    "pull": "Pull the service's audio settings into our file",
    "rollback": "Undo the last push or pull",
}


class ConfigScreen(LiveScreen):
    """The configuration, and what the servers say to it."""

    KEY = "1"
    COMMAND = "config check"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (100, "-wide")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-low"), (LOW, "-high")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "findings", "findings", tooltip="Show findings only; again: everything"),
        Binding("y", "copy_remedy", "copy fix", tooltip="Copy the line to paste for the setting under the cursor"),
        Binding(">", "sync('push')", "push", show=False, tooltip="Our audio settings to the service"),
        Binding("<", "sync('pull')", "pull", show=False, tooltip="The service's audio settings into our file"),
        Binding("u", "sync('rollback')", "undo", show=False, tooltip="Undo the last push or pull of audio settings"),
    ]
    DEFAULT_CSS = """
    ConfigScreen {
        & > Container { height: 1fr; }
        & #settings { height: 1fr; margin: 0 1; }
        & #side { height: 6; padding: 0 1; background: $surface; }
        &.-wide > Container { layout: horizontal; }
        &.-wide #settings { width: 1fr; }
        &.-wide #side { width: 46; height: 1fr; }
        &.-low #side { display: none; }
        &.-opened #settings { display: none; }
        &.-opened #side { display: block; width: 1fr; height: 1fr; }
    }
    """

    def __init__(self, frame: Frame, service: ConfigService, sync: ServiceSync) -> None:
        super().__init__(frame)
        self._service = service
        self._sync = sync
        self._snapshot: ConfigSnapshot | None = None
        self._findings_only = False
        self._changed: list[Change] = []
        self._news = ExitStack()

    def body(self) -> ComposeResult:
        """Health by class, the servers' answers, the settings, and what is known of one."""
        yield Panel("Configuration", Lines(), id="health")
        yield Panel("Servers", id="servers")
        with Container():
            yield Grid(*parts.COLUMNS, empty="reading", id="settings")
            yield Page(id="side")

    def on_mount(self) -> None:
        """Follows the configuration closely, and asks the servers now and then."""
        self.follow("settings", self._service.snapshot, self._show_settings, self.query_one("#health", Panel))
        self.follow(
            "servers",
            self._service.answers,
            self._show_servers,
            self.query_one("#servers", Panel),
            refresh=SERVERS_REFRESH_S,
        )
        self.query_one("#side", Page).can_focus = False
        self._news.callback(self._service.on_change("", self._heard))

    def on_unmount(self) -> None:
        """Wants no more news."""
        self._news.close()

    def _heard(self, change: Change) -> None:
        """Takes a change in, in whichever thread read the configuration."""
        self._changed.append(change)
        self.call_later(self._say_changes)

    def _say_changes(self) -> None:
        """Names what another hand has just changed."""
        if self._changed:
            said = parts.changes_said(self._changed)
            self._changed = []
            self.notify(said, title="the configuration changed", markup=False)

    def on_resize(self) -> None:
        """Lays the bars out for the new width."""
        self._draw_health()

    def filtered(self, text: str) -> None:
        """Keeps the rows that hold the text."""
        self._draw_rows()

    def back(self) -> None:
        """From the details back to the table, from findings back to everything."""
        if self.has_class("-opened"):
            self._open(False)
        elif self._findings_only:
            self.action_findings()

    def action_findings(self) -> None:
        """Shows findings only, or everything again."""
        self._findings_only = not self._findings_only
        self._draw_rows()
        if self._findings_only:
            self.query_one("#settings", Grid).action_end(-1)

    def action_copy_remedy(self) -> None:
        """Copies the line to paste (OSC 52)."""
        key = self.query_one("#settings", Grid).cursor_key
        line = parts.remedy(self._snapshot, key) if self._snapshot is not None and key is not None else ""
        if line:
            self.app.copy_to_clipboard(line)
            self.notify(line, title="copied", markup=False)
        else:
            self.notify("nothing is to be changed here", markup=False)

    @work
    async def action_sync(self, direction: str) -> None:
        """Ends a drift between our audio settings and the service's, or undoes what did."""
        title = SYNC_TITLES[direction]
        try:
            plan = await self._sync.plan(Direction(direction))
        except BackendError as error:
            say_failure(self, title, error)
            return
        request = ConsentRequest(
            title,
            plan.target,
            [[each.shown] for each in plan.changes],
            f"config sync --{direction}",
            sources=("settings", "servers"),
            undo="u takes the settings back to what they were",
        )
        if await carry_out(self, plan.act, request, lambda token: self._synchronise(token, plan)):
            self.read_now("servers")

    async def _synchronise(self, token: Token, plan: SyncPlan) -> str:
        report = await self._sync.carry_out(token, plan)
        return f"{len(report.changed)} settings changed, {report.state}"

    def _show_settings(self, snapshot: ConfigSnapshot) -> None:
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        self.query_one("#health", Panel).note(*parts.total_note(snapshot))
        self._draw_health()
        self._draw_rows()

    def _show_servers(self, answers: tuple[Finding, ...]) -> None:
        answered = {each.id for each in answers if each.id.startswith("servers.")}
        bad = sum(each.status is not Status.OK for each in answers)
        word = "finding" if bad == 1 else "findings"
        said = Part(f"  ▲ {bad} {word}", Tone.WARNING) if bad else Part("")
        panel = self.query_one("#servers", Panel)
        panel.note(Part(f"  {len(answered)} answers" if answered else "  none is configured", Tone.MUTED), said)
        self.read_now("settings")

    def _draw_health(self) -> None:
        if self._snapshot is not None:
            lines = parts.health_lines(self._snapshot.settings, self.size.width, self.size.height >= LOW)
            self.query_one("#health Lines", Lines).show(lines)

    def _draw_rows(self) -> None:
        if self._snapshot is None:
            return
        rows = parts.rows(self._snapshot, self.filter_text, self._findings_only)
        why = "nothing matches" if self.filter_text else "no findings: everything is ok"
        grid = self.query_one("#settings", Grid)
        # Who has not moved yet sees what comes on top.
        unmoved = not grid.rows or grid.cursor_key == grid.rows[0].key
        grid.show(rows, empty=why)
        if unmoved:
            grid.action_end(-1)
        self._draw_side(grid.cursor_key)

    @on(Grid.Highlighted, "#settings")
    def _highlighted(self, message: Grid.Highlighted) -> None:
        self._draw_side(message.key)

    @on(Grid.Selected, "#settings")
    def _selected(self) -> None:
        self._open(True)

    def _draw_side(self, key: str | None) -> None:
        known = parts.details(self._snapshot, key) if self._snapshot is not None and key is not None else []
        self.query_one("#side", Page).show(known)

    def _open(self, opened: bool) -> None:
        """Gives the details the whole place, or takes it back."""
        side = self.query_one("#side", Page)
        side.can_focus = opened
        self.set_class(opened, "-opened")
        (side if opened else self.query_one("#settings", Grid)).focus()
