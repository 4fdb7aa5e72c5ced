"""The chunks' page: progress by partition, what comes next, checks, proofs, the team's lines, what was left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from backends.clients.errors import BackendError
from backends.migrations.repartition.messages import Message, due, messages
from screens import chunks_acts
from screens.acting import say_failure
from screens.base import LiveScreen
from screens.chunks_rows import (
    Lines,
    attic_lines,
    board_of,
    filling_lines,
    gate_lines,
    message_lines,
    plan_lines,
    proof_lines,
    standing_lines,
)
from screens.frame import Frame
from screens.runs import RunScreen
from widgets.page import Page
from widgets.panel import Panel
from widgets.tone import plain_text

if TYPE_CHECKING:
    from backends.migrations.repartition.changes import RepartitionChanges
    from backends.migrations.repartition.service import Preflight, RepartitionService
    from backends.migrations.repartition.standing import Progress, Proven
    from backends.runs.service import RunsService
    from backends.safety.plans import Plan

PROVEN_EVERY_S: Final = 30.0
"""The board asks each partition for a row."""


class ChunksScreen(LiveScreen):
    """The newest re-partitioning of the chunks table."""

    KEY = "3"
    COMMAND = "migrate chunks --status"
    AUTO_FOCUS = "#below"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "plan", "plan", tooltip="Count the rows, judge every gate, and make a plan; changes nothing"),
        Binding("x", "execute", "execute", tooltip="Carry the plan out: copy, follow, prove, and hold"),
        Binding("s", "swap", "swap", tooltip="Put the proven copy into place"),
        Binding("b", "roll_back", "roll back", tooltip="Take the copy away, or the old table into use again"),
        Binding("v", "verify", "verify", tooltip="Compare old and new table now"),
        Binding("w", "write", "try writes", tooltip="Write to every partition, and roll back"),
        Binding("t", "copy_line", "team's line", tooltip="Copy the newest line for the team to the clipboard"),
        Binding("o", "open_run", "run", tooltip="The run's own page: pause, stop, pace, history"),
        Binding("R", "rehearse", "rehearse", show=False, tooltip="Play it on a sampled clone in a schema of its own"),
        Binding("K", "keep", "keep", show=False, tooltip="Keep the old table a day longer from now"),
        Binding("D", "drop", "drop", show=False, tooltip="Drop the old table, once its time is over"),
    ]
    DEFAULT_CSS = """
    ChunksScreen {
        & #standing { height: auto; }
        & #top { height: auto; margin: 0 1; }
        & #heat { width: 28; height: auto; max-height: 12; }
        & #facts { width: 1fr; height: auto; max-height: 13; }
        & #below { height: 1fr; margin: 0 1; }
        & #rest { height: 1fr; & > .panel--body { height: 1fr; } }
    }
    """

    def __init__(
        self,
        frame: Frame,
        service: RepartitionService,
        changes: Callable[[], RepartitionChanges],
        runs: RunsService,
    ) -> None:
        super().__init__(frame)
        self._service, self._changes, self._runs = service, changes, runs
        self._progress: Progress | None = None
        self._proven: Proven | None = None
        self._plan: tuple[Plan, Preflight] | None = None

    def body(self) -> ComposeResult:
        """How it stands beside the heat map; all else below."""
        yield Panel("Chunks", Horizontal(Page(id="heat"), Page(id="facts"), id="top"), id="standing")
        yield Panel("Checks, proofs, what is there", Page(id="below"), id="rest")

    def on_mount(self) -> None:
        """Follows progress, and more seldom what is proven."""
        self.follow("progress", self._service.progress, self._show_progress, self.query_one("#standing", Panel))
        rest = self.query_one("#rest", Panel)
        self.follow("proven", self._service.proven, self._show_proven, rest, refresh=PROVEN_EVERY_S)
        for widget in self.query("#heat, #facts"):
            widget.can_focus = False

    def back(self) -> None:
        """Back to where it was opened."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the lines that hold the text."""
        self._draw()

    # Showing

    def _show_progress(self, found: Progress) -> None:
        self._progress = found
        heat = self.query_one("#heat", Page)
        lines = filling_lines(found)
        heat.display = bool(lines)
        heat.show(lines)
        self._draw()

    def _show_proven(self, found: Proven) -> None:
        self._proven = found
        self._draw()

    def _draw(self) -> None:
        if self._progress is not None:
            lines = standing_lines(self._progress, self._proven, self._progress.standing.now or self.frame.now())
            self.query_one("#facts", Page).show(lines)
        kept = [line for line in self._lines() if self.filter_text in plain_text(line).lower()]
        self.query_one("#below", Page).show(kept)

    def _lines(self) -> Lines:
        progress, proven, now = self._progress, self._proven, self.frame.now()
        lines: Lines = plan_lines(self._plan[1]) if self._plan is not None else []
        if proven is not None:
            board = board_of(progress, proven)
            lines += [*gate_lines("Board after the swap", board), *proof_lines(proven, now)]
        lines += message_lines(self._messages())
        if progress is None:
            return lines
        return [*lines, *attic_lines(progress.standing.kept, progress.standing.now or now)]

    def _messages(self) -> tuple[Message, ...]:
        if self._progress is None or self._proven is None:
            return ()
        return messages(self._service.where, self._progress, self._proven)

    # Keys that only read

    @work(exit_on_error=False, exclusive=True, group="plan")
    async def action_plan(self) -> None:
        """Makes a plan and shows what it found."""
        self.notify("counting rows and judging every gate …", title="plan", markup=False)
        try:
            self._plan = await self._changes().planned("hash")
        except BackendError as error:
            say_failure(self, "plan", error)
            return
        self.query_one("#below", Page).scroll_home(animate=False)
        self._draw()

    @work(exit_on_error=False, exclusive=True, group="verify")
    async def action_verify(self) -> None:
        """Compares both tables and says what came of it."""
        self.notify("comparing both tables …", title="verify", markup=False)
        try:
            _, found = await self._service.verify()
        except BackendError as error:
            say_failure(self, "verify", error)
            return
        self.notify(found.said, title="verify", severity="information" if found.ok else "error", markup=False)
        self.read_now("proven")

    def action_copy_line(self) -> None:
        """Copies the newest line for the team."""
        line = due(self._messages())
        if line is None:
            self.notify("no line is true yet", title="team's line", severity="warning", markup=False)
            return
        self.app.copy_to_clipboard(line.text)
        self.notify(line.text, title="copied", markup=False)

    def action_open_run(self) -> None:
        """Opens the run's own page."""
        run = self._progress.run if self._progress is not None else None
        if run is not None:
            self.app.push_screen(RunScreen(self.frame, self._runs, run.id))

    # Keys that change something

    @work(exit_on_error=False)
    async def action_execute(self) -> None:
        """Asks, and carries the plan out."""
        if self._plan is None:
            self.notify("d makes a plan first", title="execute", severity="warning", markup=False)
        elif await chunks_acts.execute(self, self._changes(), *self._plan):
            self._plan = None
            self.read_now("progress")

    @work(exit_on_error=False)
    async def action_swap(self) -> None:
        """Asks, and orders the swap."""
        if self._progress is not None and await chunks_acts.swap(self, self._changes(), self._progress):
            self.read_now("progress")

    @work(exit_on_error=False)
    async def action_roll_back(self) -> None:
        """Asks, and goes back."""
        if self._progress is not None and await chunks_acts.roll_back(self, self._changes(), self._progress):
            self.read_now("progress")

    @work(exit_on_error=False, exclusive=True, group="rehearsal")
    async def action_rehearse(self) -> None:
        """Asks, and plays it on a clone."""
        if self._progress is not None and await chunks_acts.rehearse(self, self._changes()):
            self.read_now("proven")

    @work(exit_on_error=False)
    async def action_write(self) -> None:
        """Asks, and writes to every partition."""
        if self._progress is not None and await chunks_acts.write(self, self._changes()):
            self.read_now("proven")

    @work(exit_on_error=False)
    async def action_keep(self) -> None:
        """Asks, and keeps the backup longer."""
        if self._progress is not None and await chunks_acts.keep(self, self._changes()):
            self.read_now("progress")

    @work(exit_on_error=False)
    async def action_drop(self) -> None:
        """Asks, and drops the backup."""
        if self._progress is not None and await chunks_acts.drop(self, self._changes(), self._progress.standing):
            self.read_now("progress")
