"""Screen 6: projects and an editor into which the model writes. Nobody is asked anything until a person asks."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from backends.drafting.evidence import Evidence
from backends.drafting.limit import Allowance
from backends.drafting.model import Action, Effect, Kind, Project
from backends.drafting.review import leaving, mark_reviewed
from backends.drafting.search import find
from backends.drafting.service import DraftingService
from backends.drafting.transfers import is_bundle_file
from backends.safety.text import display_text
from screens.base import LiveScreen
from screens.drafting_actions import ActionsScreen
from screens.drafting_bibles import BiblesScreen
from screens.drafting_brief import BriefScreen
from screens.drafting_check import CheckScreen
from screens.drafting_commands import DraftingCommands
from screens.drafting_difference import DifferenceScreen
from screens.drafting_evidence import Collect, EvidenceScreen
from screens.drafting_find import FindScreen
from screens.drafting_history import HistoryScreen
from screens.drafting_lines import answer_line, notice
from screens.drafting_page import DeskPage
from screens.drafting_projects import ProjectsScreen
from screens.drafting_statistics import StatisticsScreen
from screens.frame import Frame
from widgets.line import Line
from widgets.tone import Cell


class DraftingScreen(ProjectsScreen):
    """The desk with the model at it. A write streams into the draft; all else is looked at before it is taken."""

    COMMANDS = LiveScreen.COMMANDS | {DraftingCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "write", tooltip="Let the model write on from the draft's end; esc stops it"),
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
        self._look: Timer | None = None
        self._answer: Worker[None] | None = None
        self._allowance: Allowance | None = None

    async def on_leave(self) -> None:
        """Stops the model, saves, and lets others write."""
        if self._answer is not None:
            self._answer.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await self._answer.wait()
        await super().on_leave()

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

    def changed(self) -> None:
        """A second passed: what counts seconds counts on."""
        if self.partner.under_way is not None:
            self._draw_answer()

    def back(self) -> None:
        """Stops the model, or closes the tool pane."""
        if not self.stop():
            self.partner.hide_tool()

    def stop(self) -> bool:
        """Stops the model; whether it was answering."""
        if self._answer is None or not self.busy:
            return False
        self._answer.cancel()
        return True

    @property
    def busy(self) -> bool:
        """Whether the model answers."""
        # A worker that is stopped before its first step never gets to say that it ended.
        return self._answer is not None and not self._answer.is_finished

    # Keys

    def action_write(self, anew: bool = False) -> None:
        """Lets the model write on."""
        self.ask(Action.WRITE, anew=anew)

    def action_actions(self) -> None:
        """Offers every action; the chosen one's brief is shown before it is sent."""
        if self.desk.project is not None:
            self.app.push_screen(ActionsScreen(self.desk.project), self._chosen)

    def action_brief(self) -> None:
        """Shows what a write would send."""
        self._chosen(Action.WRITE)

    def action_bibles(self) -> None:
        """Opens the bibles."""
        self.begin(self._open_page(lambda: BiblesScreen(self.frame, self.desk)))

    def action_check(self) -> None:
        """Looks the draft through."""
        self.begin(self._open_page(lambda: CheckScreen(self.frame, self.desk)))

    def action_history(self) -> None:
        """Offers the project as it was."""
        self.begin(self._show_history())

    def action_statistics(self) -> None:
        """Shows the figures."""
        self.begin(self._show_statistics())

    async def _show_statistics(self) -> None:
        self.app.push_screen(StatisticsScreen(self.frame, await self.service.statistics()))

    def action_evidence(self) -> None:
        """Opens the evidence."""
        self.begin(self._open_page(lambda: EvidenceScreen(self.frame, self.desk, self._collect)))

    def action_copy_draft(self) -> None:
        """Copies the draft (OSC 52), with its watermark while nobody reviewed it."""
        if self.desk.project is not None:
            self.app.copy_to_clipboard(leaving(replace(self.desk.project, draft=self.editor.text)))
            self.notify(f"{len(self.editor.text):,} characters", title="copied", markup=False)

    def action_reviewed(self) -> None:
        """Marks the draft as it is now."""
        self.begin(self._mark_reviewed())

    async def _mark_reviewed(self) -> None:
        if await self.open():
            await self.save_now()
            self.desk.change(mark_reviewed)
            self.said = "Marked as reviewed; a change of the draft takes that away."
            await self.save_now()

    def action_go_on(self) -> None:
        """Asks for the rest of an answer that broke off."""
        if not self.busy:
            self._answer = self.run_worker(self.contained(self._go_on()), group="answer", exit_on_error=False)

    def run_command(self, name: str, text: str) -> None:
        """Does what a command of the palette says."""
        work: Callable[[], Coroutine[Any, Any, None]] = {
            "create": lambda: self.create(text),
            "incident": lambda: self.create(text, Kind.INCIDENT),
            "promote": self.promote,
            "find": lambda: self._find(text),
            "import": lambda: self._import(Path(text).expanduser()),
            "export": lambda: self.export(text.lower()),
        }[name]
        self.begin(work())

    async def _find(self, term: str) -> None:
        if self.desk.project is not None:
            project = replace(self.desk.project, draft=self.editor.text)
            self.app.push_screen(FindScreen(self.frame, term, await asyncio.to_thread(find, project, term)))

    async def _import(self, path: Path) -> None:
        if is_bundle_file(path):
            imported = await self.service.transfers.import_bundle(path)
            await self.reload()
            self.said = " ".join([f"Added {len(imported.projects)} projects.", *imported.notes])
            return
        if not await self.open():
            return
        document = await self.service.transfers.read(path)
        if document.repair is None:
            await self._add(document.text)
            return
        right, head = (
            document.repair,
            f"{display_text(path.name)} was decoded wrongly in {document.repair.places} places",
        )
        sheet = DifferenceScreen(self.frame, head, document.text, right.text)
        self.app.push_screen(sheet, lambda taken: self.begin(self._add(right.text if taken else document.text)))

    async def _add(self, text: str) -> None:
        if not await self.desk.open() or self.desk.project is None:
            return
        before = self.editor.text
        self.editor.put(f"{before.rstrip()}\n\n{text}" if before.strip() else text)
        self.partner.undo.note(self.desk.project.id, "import", before, self.editor.text)
        self.said = "Imported; u undoes it."
        await self.save_now()

    def ask(self, action: Action, *, anew: bool = False) -> None:
        """Asks the model for the action, unless it is answering."""
        if not self.busy:
            self.said = ""
            work = self.contained(self._ask(action, anew=anew))
            self._answer = self.run_worker(work, group="answer", exit_on_error=False)

    def _chosen(self, action: Action | None) -> None:
        if action is not None:
            self.begin(self._show_brief(action))

    async def _show_brief(self, action: Action) -> None:
        await self.save_now()
        if self.desk.project is not None:
            brief = await asyncio.to_thread(self.service.brief, self.desk.project, action)
            self.app.push_screen(BriefScreen(self.frame, brief, self.service.model), self._sent)

    def _sent(self, action: Action | None) -> None:
        if action is not None:
            self.ask(action)

    async def _open_page(self, page: Callable[[], DeskPage]) -> None:
        await self.open()
        if self.desk.project is not None:
            self.app.push_screen(page())

    async def _show_history(self) -> None:
        await self.save_now()
        project = self.desk.project
        if project is not None:
            kept = await self.service.in_backups(project.id)
            damaged = [line for line in await self.service.backups() if line.problem]
            self.app.push_screen(HistoryScreen(project.title, kept, damaged), self._compare)

    def _compare(self, old: Project | None) -> None:
        if old is not None:
            sheet = DifferenceScreen(self.frame, "what would come back", self.editor.text, old.draft)
            self.app.push_screen(sheet, lambda taken: self.begin(self._restore(old)) if taken else None)

    async def _restore(self, old: Project) -> None:
        """Everything of the project as it was; the draft of now can be brought back."""
        if not await self.desk.open() or self.desk.project is None or self.desk.project.id != old.id:
            return
        self.partner.undo.note(old.id, "restore", self.editor.text, old.draft)
        self.desk.change(lambda _: old)
        self.editor.put(old.draft)
        self.said = "Restored; u brings the draft back that was here."
        await self.save_now()

    # The model

    async def reload(self) -> None:
        """Reads all projects, and what the limit leaves. Raises BackendError."""
        await super().reload()
        await self._look_at_limit()

    async def _ask(self, action: Action, *, anew: bool) -> None:
        try:
            await self.desk.turn_to(self.projects.cursor_key)
            if action.effect is not Effect.TOOL and not await self.desk.open():
                return
            await self.save_now()
            if self.desk.project is None:
                return
            if action is Action.WRITE and not self.editor.has_focus:
                self.editor.to_end()
            self.problem = None
            await self.partner.ask(self.desk.project, action, anew=anew)
            self._propose()
        except asyncio.CancelledError:
            self.said = "Stopped; what came is kept."
            raise
        finally:
            self._ended()

    async def _go_on(self) -> None:
        try:
            self.problem = None
            await self.partner.go_on()
            self._propose()
        except asyncio.CancelledError:
            self.said = "Stopped; what came is kept."
            raise
        finally:
            self._ended()

    def _propose(self) -> None:
        """Shows what would change before it does."""
        if (asked := self.partner.proposal) is not None:
            name = f"{asked.action.value} · temperature {self.partner.last.temperature:g}" if self.partner.last else ""
            self.app.push_screen(DifferenceScreen(self.frame, name, self.editor.text, asked.text), self._decided)

    def _decided(self, taken: bool | None) -> None:
        if taken:
            self.begin(self._take())

    async def _take(self) -> None:
        asked, project = self.partner.proposal, self.desk.project
        if asked is None or project is None or asked.project.id != project.id or not await self.desk.open():
            return
        self.partner.undo.note(project.id, asked.action.value, self.editor.text, asked.text)
        self.editor.put(asked.text)
        self.partner.proposal = None
        self.partner.hide_tool()
        self.said = f"Took {asked.action.value}; u undoes it."
        await self.save_now()
        await asyncio.to_thread(self.service.note, f"took {asked.action.value}", project)

    def _ended(self) -> None:
        self.draw()
        self.begin(self._answered())

    async def _answered(self) -> None:
        await self.save_now()
        await self.turn()
        await self._look_at_limit()

    async def _look_at_limit(self) -> None:
        """Shows what the limit leaves, and looks again once it leaves more."""
        self._allowance = await self.service.allowance()
        if self._look is not None:
            self._look.stop()
        if self._allowance.next_s is not None:
            self._look = self.set_timer(self._allowance.next_s, lambda: self.begin(self._look_at_limit()))

    # Drawing

    def draw(self) -> None:
        """Draws all that is said about project and answer; nothing where the console was left meanwhile."""
        if self.children:
            super().draw()
            self._draw_answer()

    def notice(self) -> list[tuple[Cell, ...]]:
        """What is wrong, and what there is to say."""
        notes = [*self.desk.notes]
        if unusable := self.service.options.unusable:
            notes.append(f"{', '.join(unusable)}: not usable, so the default holds.")
        if (answer := self.desk.interrupted) is not None:
            what = f"an answer ({answer.action})" if answer.action else "an answer"
            said = f"{len(answer.text):,} characters of {what} that was interrupted at {answer.at:%H:%M:%S} UTC"
            adds = answer.known_action.effect is Effect.APPEND
            notes.append(f"y adds {said}." if adds else f"y shows {said}; the draft is as it was.")
        if self.said:
            notes.append(self.said)
        partner = self.partner
        again = "o goes on with it" if partner.broken is not None else "w continues it"
        return notice(self.problem or self.desk.held_by, self.service.model, partner.last, notes, again)

    def _draw_answer(self) -> None:
        partner = self.partner
        parts = answer_line(
            self.service.model,
            self._allowance,
            partner.under_way,
            partner.last,
            self.frame.now(),
            self.service.options.prices,
        )
        self.query_one("#answer", Line).show(*parts)


async def _nothing() -> tuple[Evidence, ...]:
    return ()
