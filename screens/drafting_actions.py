"""What the partner can be asked for: a list to choose from."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from backends.drafting.model import Action, Effect, Project
from backends.drafting.rules import band, temperature
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.tone import Part, Tone

_EFFECTS: Final = {
    Effect.APPEND: "adds to the draft's end",
    Effect.REPLACE: "takes the draft's place, after you saw the difference",
    Effect.TOOL: "is shown beside the draft",
}


class ActionsScreen(ModalScreen[Action | None]):
    """Enter chooses, escape does not. What is chosen is None, or the action whose brief is to be shown."""

    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "close", show=False)]
    DEFAULT_CSS = """
    ActionsScreen { align: center middle; }
    ActionsScreen > Vertical {
        width: 74; max-width: 100%; height: auto; border: round $accent; background: $surface; padding: 0 1;
    }
    ActionsScreen Grid { height: 11; background: $surface; }
    """

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project

    def compose(self) -> ComposeResult:
        """The temperature that holds for all, and the actions."""
        heat = self._project.intensity
        with Vertical():
            yield Line(
                Part("Ask for", Tone.STRONG),
                Part(f"   intensity {heat:.2f} {band(heat)} → temperature {temperature(heat):g}", Tone.MUTED),
            )
            yield Grid(Column("action", 12), Column("the answer", 40, flexible=True))
            yield Line(Part("enter shows the brief before it is sent, esc closes", Tone.MUTED))

    def on_mount(self) -> None:
        """Lists the actions."""
        self.query_one(Grid).show([Row(each.value, (each.value, _EFFECTS[each.effect])) for each in Action])

    @on(Grid.Selected)
    def _selected(self, message: Grid.Selected) -> None:
        if message.key is not None:
            self.dismiss(Action(message.key))
