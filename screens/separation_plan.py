"""The separation's dry run as a page: every gate, what would be copied, what the models reject; `x` executes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from backends.migrations.olorin.model import DryRun
from backends.sampling.words import counted
from screens import separation_acts
from screens.base import LiveScreen
from screens.frame import Frame
from screens.separation_rows import (
    GATE_COLUMNS,
    PLAN_COLUMNS,
    REJECT_COLUMNS,
    gate_lines,
    gate_row,
    plan_lines,
    plan_row,
    reject_row,
)
from widgets.grid import Grid
from widgets.page import Page
from widgets.panel import Panel
from widgets.tone import Part, Tone

if TYPE_CHECKING:
    from backends.migrations.olorin.desk import SeparationDesk

EVERY_S: Final = 900.0
"""A dry run reads both sides, so it is made this seldom; `r` makes one now. Its plan is good as long."""

DEADLINE_S: Final = 3600.0


class SeparationPlanScreen(LiveScreen):
    """A dry run: it writes nothing."""

    KEY = "3"
    COMMAND = "migrate olorin --dry-run"
    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "execute", "execute", tooltip="Carry this plan out: copy, follow, hold ready to switch"),
    ]
    DEFAULT_CSS = """
    SeparationPlanScreen {
        & #parts { height: 1fr; scrollbar-size-vertical: 1; }
        & #parts Grid { height: auto; min-height: 2; margin: 0 1; }
        & #parts Page { height: auto; margin: 0 1; }
        & #reject-list { max-height: 14; }
    }
    """

    def __init__(self, frame: Frame, desk: SeparationDesk) -> None:
        super().__init__(frame)
        self._desk = desk
        self._found: DryRun | None = None

    def body(self) -> ComposeResult:
        """Gates, collections, rejected documents."""
        with VerticalScroll(id="parts", can_focus=False):
            gates = Grid(*GATE_COLUMNS, id="gates", empty="reading both sides …")
            yield Panel("Dry run", Page(id="about"), gates, Page(id="gate"), id="plan")
            yield Panel("To copy", Grid(*PLAN_COLUMNS, id="plans"), id="collections")
            yield Panel("The models reject", Grid(*REJECT_COLUMNS, id="reject-list", empty="nothing"), id="rejects")

    def on_mount(self) -> None:
        """Makes the dry run."""
        for page in self.query("#parts Page"):
            page.can_focus = False
        panels = [self.query_one(f"#{name}", Panel) for name in ("plan", "collections", "rejects")]
        self.follow(
            separation_acts.PLAN, self._desk.dry_run, self._show_found, *panels, refresh=EVERY_S, deadline=DEADLINE_S
        )

    def back(self) -> None:
        """Back to the separation."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the collections and rejected documents that hold the text."""
        self._draw()

    def _show_found(self, found: DryRun) -> None:
        self._found = found
        self.query_one("#about", Page).show(plan_lines(found))
        said = counted(found.rejected, "document") + (f", {len(found.rejects):,} listed" if found.rejected else "")
        self.query_one("#rejects", Panel).note(Part(f"  {said}", Tone.MUTED))
        self.query_one("#gates", Grid).show([gate_row(gate) for gate in found.gates])
        self._draw_gate()
        self._draw()

    @on(Grid.Highlighted, "#gates")
    def _draw_gate(self) -> None:
        if self._found is not None:
            chosen = self.query_one("#gates", Grid).cursor_key
            self.query_one("#gate", Page).show(gate_lines(self._found.gates, chosen))

    def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        text = self.filter_text
        self.query_one("#plans", Grid).show([plan_row(each) for each in found.collections if text in each.name])
        rejects = [each for each in found.rejects if text in f"{each.collection} {each.id} {each.why}".lower()]
        self.query_one("#reject-list", Grid).show([reject_row(place, each) for place, each in enumerate(rejects)])

    @work(exit_on_error=False)
    async def action_execute(self) -> None:
        """Starts what was planned, once the person agreed."""
        found, made_at = self._found, self.reading(separation_acts.PLAN).taken_at
        if found is None or made_at is None:
            return
        if await separation_acts.execute(self, self._desk, found, made_at):
            self.app.pop_screen()
