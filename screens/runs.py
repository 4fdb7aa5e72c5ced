"""The list of runs, and a run's page: live progress, what it waits for, its history, and its control keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from backends.clients.errors import BackendError
from backends.runs.model import Run
from backends.runs.service import RunPage, RunsService
from backends.runs.store import RunKey
from backends.safety.gate import Token
from screens.acting import carry_out, say_failure
from screens.base import LiveScreen
from screens.frame import Frame
from screens.pages import Pages
from screens.run_rows import (
    HISTORY_COLUMNS,
    RUN_COLUMNS,
    UNIT_COLUMNS,
    halt_request,
    halted_cells,
    history_rows,
    order_request,
    paces,
    run_lines,
    run_row,
    unit_row,
)
from widgets.grid import Grid
from widgets.page import Page
from widgets.panel import Panel
from widgets.tail import Tail
from widgets.tone import Part, Tone

PAGE = 50
NO_PAGES: Final[Mapping[str, Callable[[Frame], Screen[None]]]] = {}


class RunsScreen(LiveScreen):
    """The runs of every configured database, newest first.

    pages: kind → the page that the newest run of the kind opens on; the others open on a run's own.
    """

    KEY = "3"
    COMMAND = "runs list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "turn(1)", "older", tooltip="Older runs"),
        Binding("n", "turn(-1)", "newer", tooltip="Newer runs, up to the live ones"),
        Binding("H", "halt", "halt kind", tooltip="Stop every run of this kind, and let none start; again: lift it"),
    ]
    DEFAULT_CSS = """
    RunsScreen #runs { height: 1fr; & > .panel--body { height: 1fr; } & Grid { margin: 0 1; } }
    """

    def __init__(
        self, frame: Frame, runs: RunsService, pages: Mapping[str, Callable[[Frame], Screen[None]]] = NO_PAGES
    ) -> None:
        super().__init__(frame)
        self._runs = runs
        self._kinds = pages
        self._page = RunPage()
        self._pages: Pages[RunKey] = Pages()

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel("Runs", Grid(*RUN_COLUMNS, empty="no run yet"), id="runs")

    def on_mount(self) -> None:
        """Follows the page."""
        self.follow("runs", self._read, self._show_runs, self.query_one("#runs", Panel))

    def back(self) -> None:
        """Back to the migrations."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the runs that hold the text."""
        self._draw()

    def action_turn(self, step: int) -> None:
        """Another page."""
        if self._pages.turn(step):
            self.read_now("runs")

    @on(Grid.Selected)
    def _open(self) -> None:
        run = self._chosen()
        if run is None:
            return
        newest = next(each for each in self._page.runs if each.kind == run.kind)
        if run is newest and run.kind in self._kinds:
            self.app.push_screen(self._kinds[run.kind](self.frame))
        else:
            self.app.push_screen(RunScreen(self.frame, self._runs, run.id))

    @work(exit_on_error=False)
    async def action_halt(self) -> None:
        """Halts the kind of the run under the cursor, or lets it run again."""
        run = self._chosen()
        if run is None:
            return
        kind, runs = run.kind, self._runs
        lift = kind in {halt.kind for halt in self._page.halts}

        async def do(token: Token) -> str:
            heard = await (runs.lift(token, kind) if lift else runs.halt(token, kind))
            return ", but ".join(filter(None, (f"{kind} {'may run again' if lift else 'is halted'}", heard.said)))

        act = await runs.halt_act("lift" if lift else "halt", kind)
        if await carry_out(self, act, halt_request(kind, lift, "runs"), do):
            self.read_now("runs")

    async def _read(self) -> RunPage:
        return await self._runs.page(PAGE, self._pages.start)

    def _show_runs(self, page: RunPage) -> None:
        self._page, self._pages.next = page, page.next
        unread = "; ".join(problem.message for problem in page.problems)
        place = f"  page {self._pages.number}" if self._pages.number > 1 or page.next else ""
        no_data = [Part(f"  ? no data: {unread}", Tone.NO_DATA)] if unread else []
        self.query_one("#runs", Panel).note(place, *halted_cells(page.halts), *no_data)
        self._draw()

    def _draw(self) -> None:
        kept = [run for run in self._page.runs if self.filter_text in f"{run.kind} {run.id} {run.state}".lower()]
        self.query_one(Grid).show([run_row(run) for run in kept])

    def _chosen(self) -> Run | None:
        key = self.query_one(Grid).cursor_key
        return next((run for run in self._page.runs if f"{run.kind} {run.id}" == key), None)


class RunScreen(LiveScreen):
    """A run's page."""

    KEY = "3"
    COMMAND = "runs show"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "order('pause')", "pause", tooltip="Let the run wait after its batch"),
        Binding("u", "order('resume')", "resume", tooltip="Let it go on; started here if nobody executes it"),
        Binding("S", "order('stop')", "stop", tooltip="End it after its batch; it can be resumed"),
        Binding("minus", "pace(False)", "slower", tooltip="Half of its pace"),
        Binding("plus", "pace(True)", "faster", tooltip="Twice its pace, up to its own"),
    ]
    DEFAULT_CSS = """
    RunScreen {
        & #run Page { height: auto; max-height: 16; margin: 0 1; }
        & #units { height: auto; max-height: 50%; & Grid { height: auto; max-height: 14; margin: 0 1; } }
        & #units Grid > .grid--cursor { background: $background; }
        & #history { height: 1fr; & > .panel--body { height: 1fr; } & Tail { margin: 0 1; } }
    }
    """

    def __init__(self, frame: Frame, runs: RunsService, run_id: str) -> None:
        super().__init__(frame)
        self._runs = runs
        self._run_id = run_id
        self._run: Run | None = None

    def body(self) -> ComposeResult:
        """How it stands, its units, its history."""
        yield Panel("Run", Page(id="facts"), id="run")
        yield Panel("Units", Grid(*UNIT_COLUMNS, empty="no unit yet", id="unit-list"), id="units")
        yield Panel("History", Tail(*HISTORY_COLUMNS), id="history")

    def on_mount(self) -> None:
        """Follows the run."""
        panels = [self.query_one(f"#{name}", Panel) for name in ("run", "units", "history")]
        panels[0].note(f" {self._run_id}")
        for widget in self.query("#facts, #unit-list"):
            widget.can_focus = False
        self.follow("run", self._read, self._show_run, *panels)

    def command(self) -> str:
        """The command that reports this run."""
        return f"{self.COMMAND} {self._run_id}"

    def back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the units that hold the text."""
        self._draw()

    @work(exit_on_error=False)
    async def action_order(self, verb: str) -> None:
        """Pauses, resumes or stops the run, once the person agreed."""
        await self._order(verb, None)

    @work(exit_on_error=False)
    async def action_pace(self, faster: bool) -> None:
        """Slows the run down, or lets it be faster, once the person agreed."""
        if self._run is not None:
            await self._order("throttle", paces(self._run, faster))

    async def _order(self, verb: str, pace: float | None) -> None:
        run = self._run
        if run is None:
            return

        async def do(token: Token) -> str:
            if verb == "throttle":
                await self._runs.throttle(token, run.id, pace=pace)
            elif verb == "resume":
                return await self._runs.go_on(token, run.id, self.frame.kind if self.frame.production else "")
            else:
                await (self._runs.pause(token, run.id) if verb == "pause" else self._runs.stop(token, run.id))
            return "told to; it does so after its batch"

        try:
            act = await self._runs.order_act(verb, run.id)
        except BackendError as error:
            say_failure(self, verb, error)
            return
        if await carry_out(self, act, order_request(verb, run, pace), do):
            self.read_now("run")

    async def _read(self) -> Run:
        return await self._runs.run(self._run_id)

    def _show_run(self, run: Run) -> None:
        self._run = run
        self._draw()

    def _draw(self) -> None:
        run = self._run
        if run is None:
            return
        self.query_one("#facts", Page).show(run_lines(run, self._runs.log_of(run.id)))
        kept = [unit for unit in run.progress.units if self.filter_text in unit.name.lower()]
        self.query_one("#unit-list", Grid).show([unit_row(unit) for unit in kept])
        self.query_one(Tail).show(history_rows(run.history))
