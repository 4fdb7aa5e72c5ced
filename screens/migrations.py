"""Screen 3: the three migrations in a line each, and what each is about: collections, partitions, tables, runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.screen import Screen

from backends.alerts.rules import standing
from backends.migrations.model import BotSchema, Chunks, Runs, Separation
from backends.migrations.rules import chunks_summary, runs_summary, schema_summary, separation_summary
from backends.migrations.service import MigrationsService
from backends.runs.service import RunPage, RunsService
from backends.sampling.poller import READ_DEADLINE
from backends.sampling.state import Summary
from screens.base import LiveScreen
from screens.frame import Frame
from screens.migration_rows import (
    COLLECTION_COLUMNS,
    MIGRATION_COLUMNS,
    TABLE_COLUMNS,
    chunks_facts,
    collection_row,
    heat_lines,
    place_lines,
    table_row,
)
from screens.run_rows import RUN_COLUMNS, halted_cells, run_row
from screens.runs import NO_PAGES, RunsScreen
from screens.separation import SeparationScreen
from widgets.grid import Grid, Row
from widgets.page import Page
from widgets.panel import Panel, freshness_parts, state_of
from widgets.tone import Part, Tone, plain_text

if TYPE_CHECKING:
    from backends.migrations.olorin.desk import SeparationDesk

T = TypeVar("T")

COUNTS_EVERY_S: Final = 30.0
"""Counting is cheap on mongod and a scan elsewhere."""

COUNTS_DEADLINE_S: Final = 60.0
CATALOGUE_EVERY_S: Final = 10.0


class MigrationsScreen(LiveScreen):
    """What would be migrated. A tall terminal shows every part, a short one the part under the cursor.

    pages: a part's name → its page; the runs of that kind open on it too.
    """

    KEY = "3"
    COMMAND = "migrate"
    PARTS: ClassVar = ("olorin", "chunks", "schema", "runs")
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (36, "-tall")]  # type: ignore[misc]
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (110, "-wide")]  # type: ignore[misc]
    DEFAULT_CSS = """
    MigrationsScreen {
        & #migrations { height: 5; margin: 0 1; }
        & #parts { height: 1fr; scrollbar-size-vertical: 1; }
        & #parts Grid { height: auto; min-height: 2; margin: 0 1; }
        & #parts Grid > .grid--cursor { background: $background; }
        & #places { height: auto; margin: 0 1; }
        & #partitions { height: auto; margin: 0 1; }
        & #postgres { height: auto; }
        & #heat { width: 25; height: auto; max-height: 12; }
        & #facts { width: 1fr; height: auto; }
        &.-short #parts Panel { display: none; }
        &.-short #parts Panel.-chosen { display: block; }
        &.-tall.-wide #postgres { layout: horizontal; }
        &.-tall.-wide #chunks { width: 1fr; }
        &.-tall.-wide #schema { width: 55; }
    }
    """

    def __init__(
        self,
        frame: Frame,
        service: MigrationsService,
        runs: RunsService,
        separation: Callable[[], SeparationDesk] | None = None,
        pages: Mapping[str, Callable[[Frame], Screen[None]]] = NO_PAGES,
    ) -> None:
        super().__init__(frame)
        self._separation_desk = separation
        self._service = service
        self._pages = pages
        self._runs_service = runs
        self._page: RunPage | None = None
        self._summaries: dict[str, Summary] = {}
        self._separation: Separation | None = None
        self._tables: BotSchema | None = None

    def body(self) -> ComposeResult:
        """The migrations, and a panel for each."""
        yield Grid(*MIGRATION_COLUMNS, id="migrations")
        with VerticalScroll(id="parts", can_focus=False):
            yield Panel("Olorin", Page(id="places"), Grid(*COLLECTION_COLUMNS, id="collections"), id="olorin")
            with Container(id="postgres"):
                yield Panel("Chunks", Horizontal(Page(id="heat"), Page(id="facts"), id="partitions"), id="chunks")
                yield Panel("Bot sessions' schema", Grid(*TABLE_COLUMNS, id="tables"), id="schema")
            yield Panel("Runs", Grid(*RUN_COLUMNS, id="run-list", empty="no run yet"), id="runs")

    def on_mount(self) -> None:
        """Follows each migration on its own."""
        service = self._service
        self._follow_part("olorin", service.olorin, self._show_olorin, COUNTS_EVERY_S, COUNTS_DEADLINE_S)
        self._follow_part("chunks", service.chunks, self._show_chunks, CATALOGUE_EVERY_S)
        self._follow_part("schema", service.schema, self._show_schema, CATALOGUE_EVERY_S)
        self.follow("runs", self._runs_service.page, self._show_runs, self.query_one("#runs", Panel))
        for widget in self.query("#parts Grid, #parts Page"):
            widget.can_focus = False
        self._draw()
        self._choose()

    def _follow_part(
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        show: Callable[[T], None],
        refresh: float,
        deadline: float = READ_DEADLINE,
    ) -> None:
        self.follow(name, read, show, self.query_one(f"#{name}", Panel), refresh=refresh, deadline=deadline)

    def command(self) -> str:
        """The command that reports the part under the cursor."""
        chosen = self._chosen()
        return f"{self.COMMAND} {chosen} --status" if chosen != "runs" else RunsScreen.COMMAND

    # What each source shows

    def _show_olorin(self, found: Separation) -> None:
        self._separation = found
        self._summaries["olorin"] = separation_summary(found)
        self.query_one("#places", Page).show(place_lines(found))
        self._draw_collections()

    def _show_chunks(self, found: Chunks) -> None:
        self._summaries["chunks"] = chunks_summary(found)
        self.query_one("#facts", Page).show(chunks_facts(found))
        heat = self.query_one("#heat", Page)
        heat.display = bool(found.partitions)
        heat.show(heat_lines(found.partitions))

    def _show_schema(self, found: BotSchema) -> None:
        self._tables = found
        self._summaries["schema"] = schema_summary(found)
        self._draw_tables()

    def _show_runs(self, page: RunPage) -> None:
        self._page = page
        self._draw_runs()

    # Drawing

    def _draw_collections(self) -> None:
        found = self._separation
        if found is not None:
            kept = [each for each in found.collections if self.filter_text in each.name]
            self.query_one("#collections", Grid).show([collection_row(each, found.flag) for each in kept])

    def _draw_tables(self) -> None:
        if self._tables is not None:
            kept = [each for each in self._tables.tables if self.filter_text in each.name]
            self.query_one("#tables", Grid).show([table_row(each) for each in kept])

    def _draw_runs(self) -> None:
        page = self._page
        if page is None:
            return
        kept = [run for run in page.runs if self.filter_text in f"{run.kind} {run.id} {run.state}".lower()]
        unread = [problem.message for problem in page.problems]
        no_data = [Part(f"  ? no data: {'; '.join(unread)}", Tone.NO_DATA)] if unread else []
        self.query_one("#runs", Panel).note(*halted_cells(page.halts), *no_data)
        self.query_one("#run-list", Grid).show([run_row(run) for run in kept])

    def filtered(self, text: str) -> None:
        """Keeps the collections, tables and runs that hold the text."""
        self._draw_collections()
        self._draw_tables()
        self._draw_runs()

    def changed(self) -> None:
        """Readings or ages changed."""
        self._draw()

    def _draw(self) -> None:
        self.query_one("#migrations", Grid).show([*(self._row(name) for name in self.PARTS[:-1]), self._runs_row()])

    def _row(self, name: str) -> Row:
        reading = self.reading(name)
        found = standing(name, self._summaries.get(name), reading.problem)
        state = state_of(reading, found.state, self.frame.now())
        age = freshness_parts(reading, self.frame.now())
        return Row(name, (name, state, found.headline, Part(plain_text(age), age[0].tone)))

    def _runs_row(self) -> Row:
        page, reading = self._page, self.reading("runs")
        problem = page.problems[0] if page is not None and page.problems else None
        summary = runs_summary(Runs(page.runs, problem)) if page is not None else None
        found = standing("runs", summary, reading.problem)
        age = freshness_parts(reading, self.frame.now())
        state = state_of(reading, found.state, self.frame.now())
        return Row("runs", ("runs", state, found.headline, Part(plain_text(age), age[0].tone)))

    # The part under the cursor

    def _chosen(self) -> str:
        return self.query_one("#migrations", Grid).cursor_key or self.PARTS[0]

    @on(Grid.Highlighted, "#migrations")
    def _choose(self) -> None:
        """Shows the part where there is room for one only, and brings it into view where there is more."""
        for name in self.PARTS:
            panel = self.query_one(f"#{name}", Panel)
            panel.set_class(name == self._chosen(), "-chosen")
            if name == self._chosen():
                panel.scroll_visible(animate=False)

    @on(Grid.Selected, "#migrations")
    def _open(self) -> None:
        """Opens the part's own page, where it has one, or the list of runs."""
        chosen = self._chosen()
        if chosen == "runs":
            self.app.push_screen(RunsScreen(self.frame, self._runs_service, self._pages))
        elif chosen == "olorin" and self._separation_desk is not None:
            self.app.push_screen(SeparationScreen(self.frame, self._separation_desk(), self._runs_service))
        elif chosen in self._pages:
            self.app.push_screen(self._pages[chosen](self.frame))
