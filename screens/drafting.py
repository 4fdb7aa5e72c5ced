"""Screen 6: projects and an editor into which the model writes. Nobody is asked anything until a person asks."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from backends.drafting.evidence import Evidence
from backends.drafting.model import Kind
from backends.drafting.review import mark_reviewed
from backends.drafting.search import find
from backends.drafting.service import DraftingService
from screens.base import LiveScreen
from screens.drafting_asking import AskingScreen
from screens.drafting_bibles import BiblesScreen
from screens.drafting_check import CheckScreen
from screens.drafting_commands import DraftingCommands
from screens.drafting_evidence import Collect, EvidenceScreen
from screens.drafting_find import FindScreen
from screens.drafting_page import DeskPage
from screens.drafting_statistics import StatisticsScreen
from screens.frame import Frame


class DraftingScreen(AskingScreen):
    """The desk with all its keys and pages."""

    COMMANDS = LiveScreen.COMMANDS | {DraftingCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "write", tooltip="Show the brief, then let the model write on; esc stops it"),
        Binding("W", "write(True)", "write anew", show=False, tooltip="Write on, without the cache"),
        Binding("a", "actions", "actions", tooltip="Rewrite, expand, trim and the others; the brief is shown first"),
        Binding("v", "brief", "brief", tooltip="What a write would send, exactly as it would be sent"),
        Binding("b", "bibles", "bibles", tooltip="Story bible, voice bible, voice vault, style banks"),
        Binding("m", "check", "check", tooltip="Each paragraph's voice, and what contradicts the story bible"),
        Binding("h", "history", "history", tooltip="The backups of this project, and what would come back"),
        Binding("s", "statistics", "statistics", show=False, tooltip="Calls, times, cache, saves; what is off and why"),
        Binding("f", "evidence", "facts", show=False, tooltip="Pick the evidence that an incident draft rests on"),
        Binding("Y", "copy_draft", "copy draft", show=False, tooltip="Copy the draft to the clipboard"),
        Binding("R", "reviewed", "reviewed", show=False, tooltip="Mark the incident draft as reviewed by you"),
        Binding("o", "go_on", "go on", show=False, tooltip="Ask for the rest of an answer that broke off"),
    ]

    def __init__(self, frame: Frame, service: DraftingService, collect: Collect | None = None) -> None:
        super().__init__(frame, service)
        self._collect = collect or _nothing

    def command(self) -> str:
        """What asks the model the same."""
        project = self.desk.project
        return f"draft run write --project {shlex.quote(project.title)}" if project else self.COMMAND

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides what makes no sense now."""
        if action == "go_on":
            return self.partner.broken is not None
        if action in {"evidence", "reviewed"}:
            return self.desk.project is not None and self.desk.project.kind is Kind.INCIDENT
        return super().check_action(action, parameters)

    # Keys

    def action_bibles(self) -> None:
        """Opens the bibles."""
        self.begin(self._open_page(lambda: BiblesScreen(self.frame, self.desk)))

    def action_check(self) -> None:
        """Looks the draft through."""
        self.begin(self._open_page(lambda: CheckScreen(self.frame, self.desk)))

    def action_statistics(self) -> None:
        """Shows the figures."""
        self.begin(self._show_statistics())

    async def _show_statistics(self) -> None:
        self.app.push_screen(StatisticsScreen(self.frame, await self.service.statistics()))

    def action_evidence(self) -> None:
        """Opens the evidence."""
        self.begin(self._open_page(lambda: EvidenceScreen(self.frame, self.desk, self._collect)))

    def action_reviewed(self) -> None:
        """Marks the draft as it is now."""
        self.begin(self._mark_reviewed())

    async def _mark_reviewed(self) -> None:
        if await self.open():
            await self.save_now()
            self.desk.change(mark_reviewed)
            self.said = "Marked as reviewed; a change of the draft takes that away."
            await self.save_now()

    def run_command(self, name: str, text: str) -> None:
        """Does what a command of the palette says."""
        work: Callable[[], Coroutine[Any, Any, None]] = {
            "create": lambda: self.create(text),
            "incident": lambda: self.create(text, Kind.INCIDENT),
            "promote": self.promote,
            "find": lambda: self._find(text),
            "import": lambda: self.import_file(Path(text).expanduser()),
            "export": lambda: self.export(text.lower()),
        }[name]
        self.begin(work())

    async def _find(self, term: str) -> None:
        if self.desk.project is not None:
            found = await asyncio.to_thread(find, self.shown(self.desk.project), term)
            self.app.push_screen(FindScreen(self.frame, term, found))

    async def _open_page(self, page: Callable[[], DeskPage]) -> None:
        await self.open()
        if self.desk.project is not None:
            self.app.push_screen(page())


async def _nothing() -> tuple[Evidence, ...]:
    return ()
