"""Asking the model on screen 6: the brief is shown as it will be sent, then sent; what replaces is looked at first."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from textual.timer import Timer
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from backends.clients.errors import BackendError
from backends.drafting.brief import Brief
from backends.drafting.coverage import uncovered
from backends.drafting.limit import Allowance
from backends.drafting.model import Action, Effect, Kind, Project
from backends.drafting.service import DraftingService
from screens.drafting_actions import ActionsScreen
from screens.drafting_brief import BriefScreen
from screens.drafting_files import FilesScreen
from screens.drafting_lines import answer_line, notice
from screens.frame import Frame
from widgets.line import Line
from widgets.tone import Cell


class AskingScreen(FilesScreen):
    """The desk with the model at it. A write streams into the draft; all else is looked at before it is taken."""

    def __init__(self, frame: Frame, service: DraftingService) -> None:
        super().__init__(frame, service)
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

    def changed(self) -> None:
        """A second passed: what counts seconds counts on."""
        if self.partner.under_way is not None:
            self._draw_answer()

    def back(self) -> None:
        """Stops the model, or closes the tool pane."""
        if not self.stop() and self.partner.hide_tool():
            self.begin(self.desk.let_go_interrupted())

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

    # Keys: those typed ahead wait for the brief.

    async def action_write(self, anew: bool = False) -> None:
        """Shows what lets the model write on, to be sent."""
        await self.contained(self._show_brief(Action.WRITE, anew=anew))

    async def action_brief(self) -> None:
        """Shows what a write would send, though nothing can be sent or written now."""
        await self.contained(self._show_brief(Action.WRITE, looking=True))

    def action_actions(self) -> None:
        """Offers every action; the chosen one's brief is shown before it is sent."""
        if self.desk.project is not None:
            sheet = ActionsScreen(self.desk.project)
            self.app.push_screen(sheet, lambda action: self.begin(self._show_brief(action)) if action else None)

    async def action_go_on(self) -> None:
        """Shows what asks for the rest of an answer that broke off, to be sent."""
        await self.contained(self._show_rest())

    # The brief

    async def _show_brief(self, action: Action, *, anew: bool = False, looking: bool = False) -> None:
        if self.busy:
            return
        self.said = ""
        await self.desk.turn_to(self.projects.cursor_key)
        if action.effect is not Effect.TOOL and not await self.desk.open() and not looking:
            return
        await self.save_now()
        project, model = self.desk.project, self.service.model
        if project is None:
            return
        if isinstance(model, BackendError) and project.kind is not Kind.INCIDENT and not looking:
            raise model
        self._offer_brief(project, await asyncio.to_thread(self.service.brief, project, action), anew=anew)

    async def _show_rest(self) -> None:
        asked = self.partner.broken
        if asked is not None and not self.busy:
            brief = await asyncio.to_thread(self.service.rest, asked.project, asked.action, asked.text)
            self._offer_brief(asked.project, brief, anew=True)

    def _offer_brief(self, project: Project, brief: Brief, *, anew: bool) -> None:
        def send(agreed: bool | None) -> None:
            if agreed and not self.busy:
                self._answer = self.beside(self._send(project, brief, anew=anew), "answer")

        self.app.push_screen(BriefScreen(self.frame, brief, self.service.model), send)

    # The answer

    async def _send(self, project: Project, brief: Brief, *, anew: bool) -> None:
        """Sends exactly what was shown."""
        shown = self.desk.project
        if shown is None or shown.id != project.id or (brief.action.effect is Effect.APPEND and not self.desk.writable):
            return
        try:
            if brief.action is Action.WRITE and not self.editor.has_focus:
                self.editor.to_end()
            self.problem = None
            await self.partner.ask(project, brief, anew=anew)
            if brief.so_far:
                await self.desk.let_go_interrupted()
            await self._say_what_is_loose(project)
            await self._propose()
        except asyncio.CancelledError:
            self.said = "Stopped; what came is kept."
            raise
        finally:
            self.draw()
            self.begin(self._answered())

    async def _say_what_is_loose(self, project: Project) -> None:
        """Says how much of an incident's answer no evidence covers."""
        text = self.partner.proposal.text if self.partner.proposal else self.editor.text
        if loose := await asyncio.to_thread(uncovered, text, project):
            self.said = f"{len(loose)} sentences are not covered by the evidence: m shows them."

    async def _propose(self) -> None:
        """Shows what would change before it does."""
        if (asked := self.partner.proposal) is not None:
            name = f"{asked.action.value} · temperature {self.partner.last.temperature:g}" if self.partner.last else ""
            await self.offer(name, asked.text, self._decided)

    def _decided(self, taken: bool) -> None:
        if taken:
            self.begin(self._take())

    async def _take(self) -> None:
        asked, project = self.partner.proposal, self.desk.project
        if asked is None or project is None or asked.project.id != project.id or not await self.desk.open():
            return
        draft = self.service.check_draft(asked.text)
        self.partner.undo.note(project.id, asked.action.value, self.editor.text, draft)
        self.editor.put(draft)
        self.partner.proposal = None
        self.partner.hide_tool()
        self.said = f"Took {asked.action.value}; u undoes it."
        await self.save_now()
        self.note(f"took {asked.action.value}")

    async def _answered(self) -> None:
        await self.save_now()
        await self.turn()
        await self._look_at_limit()

    # The limit

    async def reload(self) -> None:
        """Reads all projects, and what the limit leaves. Raises BackendError."""
        await super().reload()
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
