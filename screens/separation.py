"""Screen 3, Olorin's separation: how far it is, what must be green, the ways back; plan, verify, switch, clean up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import DescendantFocus

from backends.clients.errors import BackendError
from backends.migrations.olorin.model import Card, Verified
from backends.migrations.olorin.standing import CollectionStanding, Standing
from screens import separation_acts
from screens.acting import say_failure
from screens.base import LiveScreen
from screens.frame import Frame
from screens.runs import RunScreen
from screens.separation_differences import DifferencesScreen
from screens.separation_plan import SeparationPlanScreen
from screens.separation_rows import (
    CARD_COLUMNS,
    COLLECTION_COLUMNS,
    GATE_COLUMNS,
    card_lines,
    card_row,
    collection_row,
    gate_lines,
    gate_row,
    head_lines,
    index_lines,
    left_out_lines,
)
from widgets.grid import Grid
from widgets.line import Line
from widgets.page import Page
from widgets.panel import Panel
from widgets.prompt import Prompt
from widgets.tone import Part, Tone

if TYPE_CHECKING:
    from backends.migrations.olorin.desk import SeparationDesk
    from backends.runs.service import RunsService

REFRESH_S: Final = 3.0
DEADLINE_S: Final = 20.0
"""The servers are asked for the run, the board and the platform's processes, one after the other."""


class SeparationScreen(LiveScreen):
    """The separation. Tab goes from part to part; a short terminal scrolls to the one that has the focus."""

    KEY = "3"
    COMMAND = "migrate olorin --status"
    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "plan", "plan", tooltip="Dry run: read both sides, check every gate, make the plan to execute"),
        Binding("o", "run", "run", tooltip="The run's own page: pause, pace, stop"),
        Binding("v", "verify", "verify", tooltip="Compare every document and index of both sides; keeps the proof"),
        Binding("b", "build", "indexes", tooltip="Build in the target what the platform declares and it lacks"),
        Binding("x", "clean(False)", "set aside", tooltip="After the switch: set the old collections aside"),
        Binding("X", "clean(True)", "drop", tooltip="Drop for good what was set aside"),
        Binding("z", "back_out", "roll back", tooltip="Take the way back that the cursor is on"),
    ]
    DEFAULT_CSS = """
    SeparationScreen {
        & #parts { height: 1fr; scrollbar-size-vertical: 1; }
        & #parts Grid { height: auto; min-height: 2; margin: 0 1; }
        & #parts Page { height: auto; margin: 0 1; }
        & #progress { margin: 0 1; }
    }
    """

    def __init__(self, frame: Frame, desk: SeparationDesk, runs: RunsService) -> None:
        super().__init__(frame)
        self._desk, self._runs = desk, runs
        self._found: Standing | None = None
        self._is_verifying = False

    def body(self) -> ComposeResult:
        """What there is, the board, the ways back."""
        with VerticalScroll(id="parts", can_focus=False):
            yield Panel("Separation", Page(id="head"), Grid(*COLLECTION_COLUMNS, id="collections"), Page(id="indexes"),
                        id="standing")  # fmt: skip
            yield Panel("Board", Grid(*GATE_COLUMNS, id="gates"), Page(id="gate"), id="board")
            yield Panel("Ways back", Grid(*CARD_COLUMNS, id="cards"), Page(id="card"), id="back")
        yield Line(id="progress")
        yield Prompt("folder of the backup (a mongodump's)", limit=400, id="folder")

    def on_mount(self) -> None:
        """Follows the separation."""
        panels = [self.query_one(f"#{name}", Panel) for name in ("standing", "board", "back")]
        for page in self.query("#parts Page"):
            page.can_focus = False
        self.follow(
            separation_acts.SOURCE,
            self._desk.standing,
            self._show_found,
            *panels,
            refresh=REFRESH_S,
            deadline=DEADLINE_S,
        )

    def back(self) -> None:
        """Back to the migrations."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the collections that hold the text."""
        self._draw_collections()

    # What is shown

    def _show_found(self, found: Standing) -> None:
        self._found = found
        self.query_one("#head", Page).show(head_lines(found))
        self._draw_collections()
        self.query_one("#gates", Grid).show([gate_row(gate) for gate in found.board.gates])
        self._draw_gate()
        cards, is_first = self.query_one("#cards", Grid), not self.query_one("#cards", Grid).rows
        cards.show([card_row(card, found.board) for card in found.board.cards])
        if is_first:
            cards.move_to(found.board.recommended)
        self._draw_card()

    def _draw_collections(self) -> None:
        if self._found is not None:
            kept = [each for each in self._found.collections if self.filter_text in each.name]
            self.query_one("#collections", Grid).show([collection_row(each) for each in kept])
            self._draw_indexes()

    @on(Grid.Highlighted, "#collections")
    def _draw_indexes(self) -> None:
        chosen = self._collection()
        if chosen is not None and self._found is not None:
            lines = [*left_out_lines(self._found.left_out.of(chosen.name)), *index_lines(chosen.proof)]
            self.query_one("#indexes", Page).show(lines)

    @on(Grid.Highlighted, "#gates")
    def _draw_gate(self) -> None:
        if self._found is not None:
            chosen = self.query_one("#gates", Grid).cursor_key
            self.query_one("#gate", Page).show(gate_lines(self._found.board.gates, chosen))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Brings all of the part that has the focus into view."""
        for part in event.widget.ancestors:
            if isinstance(part, Panel):
                part.scroll_visible(animate=False)

    @on(Grid.Highlighted, "#cards")
    def _draw_card(self) -> None:
        card = self._card()
        if self._found is not None and card is not None:
            self.query_one("#card", Page).show(card_lines(card, self._found.board))

    def _collection(self) -> CollectionStanding | None:
        key = self.query_one("#collections", Grid).cursor_key
        found = self._found.collections if self._found is not None else ()
        return next((each for each in found if each.name == key), None)

    def _card(self) -> Card | None:
        key = self.query_one("#cards", Grid).cursor_key
        cards = self._found.board.cards if self._found is not None else ()
        return next((card for card in cards if card.name == key), None)

    # Keys

    @on(Grid.Selected, "#collections")
    def _open(self) -> None:
        """What is missing, extra and different in the collection."""
        chosen = self._collection()
        if chosen is not None and chosen.proof is not None:
            self.app.push_screen(DifferencesScreen(self.frame, self._desk, chosen.proof))

    def action_run(self) -> None:
        """Opens the run's page, where it is paused, slowed down and stopped."""
        if self._found is not None and self._found.run is not None:
            self.app.push_screen(RunScreen(self.frame, self._runs, self._found.run.id))

    def action_plan(self) -> None:
        """Opens the dry run."""
        self.app.push_screen(SeparationPlanScreen(self.frame, self._desk))

    @work(exit_on_error=False)
    async def action_verify(self) -> None:
        """Compares both sides."""
        if self._is_verifying:
            return
        self._is_verifying = True
        try:
            found = await self._desk.verify(self._tell)
        except BackendError as error:
            say_failure(self, "verify", error)
        else:
            self._say_verified(found)
        finally:
            self._is_verifying = False
            self.query_one("#progress", Line).show()
            self.read_now(separation_acts.SOURCE)

    def _say_verified(self, found: Verified) -> None:
        if found.passed:
            self.notify("passed: both sides are the same", title="verify", markup=False)
        else:
            said = "failed: enter on a collection shows what differs"
            self.notify(said, title="verify", severity="error", markup=False)

    def _tell(self, name: str, documents: int) -> None:
        self.query_one("#progress", Line).show(Part(f"◌ verifying {name}: {documents:,} documents", Tone.MUTED))

    @work(exit_on_error=False)
    async def action_build(self) -> None:
        """Builds declared indexes, once the person agreed."""
        if self._found is not None and await separation_acts.build_indexes(self, self._desk, self._found):
            self.action_verify()

    @work(exit_on_error=False)
    async def action_clean(self, dropping: bool) -> None:
        """Sets the old collections aside, or drops them, once the person agreed."""
        if await separation_acts.clean_up(self, self._desk, dropping=dropping):
            self.read_now(separation_acts.SOURCE)

    @work(exit_on_error=False)
    async def action_back_out(self) -> None:
        """Takes the way back under the cursor, once the person agreed."""
        card, found = self._card(), self._found
        if card is None or found is None:
            return
        if card is found.board.cards[0]:
            self.action_run()
        elif card is found.board.cards[1]:
            await self._roll_back(None)
        else:
            self.query_one("#folder", Prompt).open()

    @on(Prompt.Given, "#folder")
    def _folder_given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text and message.text.strip():
            self.run_worker(self._roll_back(Path(message.text.strip()).expanduser()), exit_on_error=False)

    async def _roll_back(self, folder: Path | None) -> None:
        if self._found is not None and await separation_acts.roll_back(self, self._desk, self._found, folder):
            self.read_now(separation_acts.SOURCE)
