"""Picking evidence: what the other screens show now above, below what was picked, numbered as it is cited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.drafting.evidence import Evidence, Template
from backends.drafting.incidents import kept, when, with_evidence, with_template, without_evidence
from backends.safety.text import display_text
from screens.drafting_desk import Desk
from screens.drafting_page import DeskPage
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.tone import Part, Tone

Collect = Callable[[], Awaitable[Sequence[Evidence]]]

OFFERED: Final = (Column("source", 9), Column("what it says", 30, flexible=True), Column("time", 23, drop=1))
PICKED: Final = (Column("n", 5), *OFFERED)


class EvidenceScreen(DeskPage):
    """Enter picks an item, `d` drops a picked one. Items are kept as they were when they were read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "other table", tooltip="From what is offered to what was picked and back"),
        Binding("a", "pick_all", "pick all", tooltip="Pick everything that is offered"),
        Binding("d", "drop", "drop", tooltip="Drop the picked item under the cursor"),
        Binding("t", "template", "template", tooltip="Status update, hand-over or post-mortem timeline"),
    ]
    DEFAULT_CSS = """
    EvidenceScreen { & #head, & #said { margin: 0 1; } & Grid { margin: 1 1 0 1; } }
    """

    def __init__(self, frame: Frame, desk: Desk, collect: Collect) -> None:
        super().__init__(frame, desk)
        self._collect = collect
        self._offered: tuple[Evidence, ...] = ()

    def body(self) -> ComposeResult:
        """The template, what is offered, what was picked."""
        yield Line(id="head")
        yield Grid(*OFFERED, empty="asking every system …", id="offered")
        yield Grid(*PICKED, empty="no evidence yet: enter picks what is above", id="picked")
        yield Line(id="said")

    def on_mount(self) -> None:
        """Shows what was picked, and asks what there is."""
        self._draw()
        self.begin(self._ask())

    def action_refresh_now(self) -> None:
        """Asks every system again."""
        self.begin(self._ask())

    def action_pick_all(self) -> None:
        """Picks everything that is offered."""
        self._pick(self._offered)

    def action_drop(self) -> None:
        """Drops the item under the cursor."""
        key = self.query_one("#picked", Grid).cursor_key
        if key is not None and self.change(lambda project: without_evidence(project, int(key)), f"dropped [{key}]"):
            self._draw()

    def action_template(self) -> None:
        """Turns to the next template."""
        templates = list(Template)
        following = templates[(templates.index(self.project.incident.template) + 1) % len(templates)]
        if self.change(lambda project: with_template(project, following), ""):
            self._draw()

    @on(Grid.Selected, "#offered")
    def _selected(self, message: Grid.Selected) -> None:
        if message.key is not None:
            self._pick((self._offered[int(message.key)],))

    @on(Grid.Highlighted)
    def _highlighted(self, message: Grid.Highlighted) -> None:
        """Says the whole item below, which a row may have cut."""
        picked = message.grid.id == "picked"
        items = self.project.incident.items if picked else self._offered
        place = int(message.key or -1) - picked
        if 0 <= place < len(items):
            self.say(items[place].text)

    def _pick(self, items: Sequence[Evidence]) -> None:
        if self.change(lambda project: with_evidence(project, items), f"picked {len(items)}"):
            self._draw()

    async def _ask(self) -> None:
        self._offered = tuple(await self._collect())
        rows = [Row(str(place), cells(item)) for place, item in enumerate(self._offered)]
        self.query_one("#offered", Grid).show(rows, empty="no system says anything")

    def _draw(self) -> None:
        incident = self.project.incident
        items = kept(incident.items)
        self.query_one("#head", Line).show(
            Part(self.project.title, Tone.STRONG),
            Part(f"  {incident.template.value}", Tone.ACCENT),
            Part(f"  {len(items)} items", Tone.MUTED),
        )
        rows = [Row(str(number), (f"[{number}]", *cells(item))) for number, item in items]
        self.query_one("#picked", Grid).show(rows)


def cells(item: Evidence) -> tuple[str | Part, ...]:
    """Source, text and time of an item."""
    no_data = Tone.NO_DATA if item.text.startswith("no data") else Tone.PLAIN
    return (display_text(item.source), Part(display_text(item.text), no_data), Part(when(item), Tone.MUTED))
