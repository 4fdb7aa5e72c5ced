"""The backups that hold a project: a list to choose from, before the difference is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from backends.drafting.model import Project
from backends.drafting.store import BackupLine
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.tone import Part, Tone

Kept = Sequence[tuple[BackupLine, Project]]


class HistoryScreen(ModalScreen[Project | None]):
    """Enter chooses, escape does not; what is given back is the project as it was in that backup."""

    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "close", show=False)]
    DEFAULT_CSS = """
    HistoryScreen { align: center middle; }
    HistoryScreen > Vertical {
        width: 66; max-width: 100%; height: auto; border: round $accent; background: $surface; padding: 0 1;
    }
    HistoryScreen Grid { height: 8; background: $surface; }
    """

    def __init__(self, title: str, kept: Kept, damaged: Sequence[BackupLine]) -> None:
        super().__init__()
        self._title = title
        self._kept = {str(line.number): (line, project) for line, project in kept}
        self._damaged = damaged

    def compose(self) -> ComposeResult:
        """The project's name, and the backups."""
        with Vertical():
            yield Line(Part(self._title, Tone.STRONG), Part("  as it was", Tone.MUTED))
            yield Grid(
                Column("backup", 6, align="right"),
                Column("saved (UTC)", 19, flexible=True),
                Column("bay", 5),
                Column("words", 8, align="right"),
                empty="no backup holds this project",
            )
            for line in self._damaged:
                yield Line(Part(f"✖ backup {line.number} is damaged", Tone.CRITICAL))
            yield Line(Part("enter shows the difference, esc closes", Tone.MUTED))

    def on_mount(self) -> None:
        """Lists the backups."""
        self.query_one(Grid).show([backup_row(line, project) for line, project in self._kept.values()])

    @on(Grid.Selected)
    def _selected(self, message: Grid.Selected) -> None:
        found = self._kept.get(message.key or "")
        if found is not None:
            self.dismiss(found[1])


def backup_row(line: BackupLine, project: Project) -> Row:
    """A backup's row."""
    saved = f"{line.saved_at:%Y-%m-%d %H:%M:%S}" if line.saved_at else "no data"
    return Row(str(line.number), (str(line.number), saved, project.bay.value, f"{project.words:,}"))
