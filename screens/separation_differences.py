"""What a verification found in a collection: missing, extra, different documents; each field by field, as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult

from backends.migrations.olorin.model import CollectionProof, FieldDifference
from screens.base import LiveScreen
from screens.frame import Frame
from screens.separation_rows import DIFFERENCE_COLUMNS, FIELD_COLUMNS, difference_rows, field_lines, field_rows
from widgets.grid import Grid
from widgets.page import Page
from widgets.panel import Panel
from widgets.tone import Part, Tone

if TYPE_CHECKING:
    from backends.migrations.olorin.desk import SeparationDesk

REFRESH_S: Final = 5.0


class DifferencesScreen(LiveScreen):
    """A collection's documents that are not the same on both sides."""

    KEY = "3"
    COMMAND = "migrate olorin --verify"
    DEFAULT_CSS: ClassVar[str] = """
    DifferencesScreen Panel { height: 1fr; & > .panel--body { height: 1fr; } & Grid { margin: 0 1; } }
    """

    def __init__(self, frame: Frame, desk: SeparationDesk, proof: CollectionProof) -> None:
        super().__init__(frame)
        self._desk, self._proof = desk, proof

    def body(self) -> ComposeResult:
        """The list."""
        yield Panel(self._proof.name, Grid(*DIFFERENCE_COLUMNS, id="differences", empty="nothing differs"))

    def on_mount(self) -> None:
        """Shows what the proof lists."""
        proof = self._proof
        listed, wrong = len(proof.differences), proof.missing + proof.extra + proof.different
        of = f", the first {listed:,} of them" if listed < wrong else ""
        said = f"  {proof.missing:,} missing, {proof.extra:,} extra, {proof.different:,} different{of}"
        self.query_one(Panel).note(Part(said, Tone.MUTED))
        self.query_one(Panel).tick(self.frame.now())
        self.filtered("")

    def back(self) -> None:
        """Back to the separation."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the documents that hold the text."""
        rows = [row for row in difference_rows(self._proof) if text in row.key.lower()]
        self.query_one(Grid).show(rows)

    @on(Grid.Selected)
    def _open(self, message: Grid.Selected) -> None:
        if message.key is not None:
            _, _, id_json = message.key.partition(" ")
            self.app.push_screen(DifferenceScreen(self.frame, self._desk, self._proof.name, id_json))


class DifferenceScreen(LiveScreen):
    """A document of both sides, field by field, read again and again."""

    KEY = "3"
    COMMAND = "migrate olorin --verify"
    DEFAULT_CSS: ClassVar[str] = """
    DifferenceScreen {
        & Panel { height: 1fr; & > .panel--body { height: 1fr; } & Grid { margin: 0 1; } }
        & #value { height: auto; max-height: 8; margin: 0 1; }
    }
    """

    def __init__(self, frame: Frame, desk: SeparationDesk, collection: str, id_json: str) -> None:
        super().__init__(frame)
        self._desk, self._collection, self._id_json = desk, collection, id_json
        self._fields: tuple[FieldDifference, ...] = ()

    def body(self) -> ComposeResult:
        """The fields."""
        yield Panel(self._collection, Grid(*FIELD_COLUMNS, id="fields", empty="reading …"), Page(id="value"))

    def on_mount(self) -> None:
        """Follows the document."""
        self.query_one(Panel).note(Part(f"  {self._id_json}", Tone.ACCENT))
        self.query_one("#value", Page).can_focus = False
        self.follow("document", self._read, self._show_fields, self.query_one(Panel), refresh=REFRESH_S)

    def back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the fields that hold the text."""
        self._draw()

    async def _read(self) -> tuple[FieldDifference, ...]:
        return await self._desk.difference(self._collection, self._id_json)

    def _show_fields(self, fields: tuple[FieldDifference, ...]) -> None:
        self._fields = fields
        self._draw()

    @on(Grid.Highlighted)
    def _draw_value(self) -> None:
        chosen = self.query_one(Grid).cursor_key
        self.query_one("#value", Page).show(field_lines(self._fields, chosen))

    def _draw(self) -> None:
        kept = [each for each in self._fields if self.filter_text in each.path.lower()]
        self.query_one(Grid).show(field_rows(kept), empty="both sides are the same by now")
        self._draw_value()
