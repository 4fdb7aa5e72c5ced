"""Screen 6: projects and an editor into which the model writes. Nobody is asked anything until a person asks."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from backends.clients.errors import BackendError
from backends.drafting.documents import Format, as_document, write_document
from backends.drafting.errors import StorageFailed
from backends.drafting.limit import Allowance
from backends.drafting.model import Project
from backends.drafting.rules import stepped
from backends.drafting.service import TITLE_LIMIT, DraftingService
from backends.safety.files import private_folder
from backends.sampling.reading import Problem
from screens.base import LiveScreen
from screens.drafting_desk import Desk
from screens.drafting_lines import COLUMNS, answer_line, heading, notice, project_row
from screens.drafting_writer import Writer
from screens.frame import Frame
from widgets.editor import Editor
from widgets.grid import Grid
from widgets.key_line import KeyLine, key_parts
from widgets.line import Line
from widgets.page import Page
from widgets.prompt import Prompt
from widgets.tone import Cell

AUTOSAVE_S: Final = 3.0
"""Seconds from a change to its save at most; those in between are saved with it."""

INTENSITY_STEP: Final = 0.05

WIDE: Final = 100
"""Columns from which on the projects stand beside the draft."""


class ProjectList(Grid):
    """The projects. Opening one is an action of the screen, so that keys typed ahead wait for the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,right,l", "screen.edit", "edit", show=False)]


class DraftingScreen(LiveScreen):
    """A project is shown as it is on disk; the first change to it opens it for writing, where nobody else does that."""

    KEY = "6"
    COMMAND = "draft projects"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (WIDE, "-wide")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new", tooltip="Make a project"),
        Binding("i", "edit", "edit", tooltip="Edit the draft; esc leaves it (enter does the same)"),
        Binding("w", "write", "write", tooltip="Let the model write on from the draft's end; esc stops it"),
        Binding("p", "promote", "promote", tooltip="Promote the project to the next bay"),
        Binding("plus,equals_sign", f"intensity({INTENSITY_STEP})", "bolder", tooltip="Raise the intensity"),
        Binding("minus", f"intensity(-{INTENSITY_STEP})", "calmer", show=False, tooltip="Lower the intensity"),
        Binding("y", "take", "take", show=False, tooltip="Add what an interrupted answer had said"),
    ]
    DEFAULT_CSS = """
    DraftingScreen {
        & > #desk { height: 1fr; margin: 1 1 0 1; }
        & #projects { width: 36; margin: 0 1 0 0; }
        & #editor { height: 1fr; }
        & #heading { background: $surface; }
        & > #answer { height: 1; margin: 0 1; }
        & > #notice { height: auto; max-height: 4; margin: 0 1; padding: 0 1; }
        &.-narrow > #desk { layout: vertical; }
        &.-narrow #projects { width: 1fr; height: 4; margin: 0; }
    }
    """

    def __init__(self, frame: Frame, service: DraftingService) -> None:
        super().__init__(frame)
        self._service = service
        self._editor = Editor(id="editor")
        self._projects = ProjectList(*COLUMNS, empty="no projects: n makes one", id="projects")
        self._desk = Desk(service, self._editor)
        self._autosave: Timer | None = None
        self._look: Timer | None = None
        self._answer: Worker[None] | None = None
        self._writer = Writer(service, self._editor, self.set_timer, frame.now, self._draw)
        self._allowance: Allowance | None = None
        self._problem: Problem | None = None
        self._said = ""

    def body(self) -> ComposeResult:
        """Projects at the left (on top where it is narrow), the draft, what the model does, what is wrong."""
        # Textual would find this out only after it has painted the screen as if it were wide.
        self.set_class(self.app.size.width < WIDE, "-narrow")
        with Horizontal(id="desk"):
            yield self._projects
            with Vertical():
                yield Line(id="heading")
                yield self._editor
        yield Line(id="answer")
        yield Page(id="notice")
        yield Prompt("title of the new project", limit=TITLE_LIMIT)

    def on_mount(self) -> None:
        """Shows the empty desk; the projects come with the screen's first showing."""
        self.query_one("#notice", Page).can_focus = False
        self._draw()

    def on_screen_resume(self) -> None:
        """Reads the projects anew: others may have changed theirs."""
        self._begin(self._reload())

    def on_screen_suspend(self) -> None:
        """Saves before one looks elsewhere."""
        self._begin(self.save_now())

    async def on_leave(self) -> None:
        """Stops the model, saves, and lets others write."""
        if self._answer is not None:
            self._answer.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await self._answer.wait()
        await self._contained(self.save_now())
        self._desk.close()

    def command(self) -> str:
        """What asks the model the same."""
        project = self._desk.project
        return f"draft run write --project {shlex.quote(project.title)}" if project else self.COMMAND

    def shown_keys(self) -> list[tuple[str, str]]:
        """The keys but for freezing: nothing moves here by itself."""
        return [key for key in super().shown_keys() if key[1] != "freeze"]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides what makes no sense now."""
        if action == "take":
            return self._desk.interrupted is not None
        return action != "freeze"

    def filtered(self, text: str) -> None:
        """Keeps the projects whose title holds the text."""
        self._show_projects()

    def changed(self) -> None:
        """A second passed: what counts seconds counts on."""
        if self._writer.under_way is not None:
            self._draw_answer()

    def back(self) -> None:
        """Stops the model."""
        self._stop()

    def _stop(self) -> bool:
        """Stops the model; whether it was answering."""
        if self._answer is None or not self._answering:
            return False
        self._answer.cancel()
        return True

    # Keys

    async def action_edit(self) -> None:
        """Opens the project and gives its text the focus."""
        await self._contained(self._open())
        if self._desk.project is not None:
            self._editor.focus()

    def action_new(self) -> None:
        """Asks for a title."""
        self.query_one(Prompt).open()

    def action_write(self) -> None:
        """Lets the model write on."""
        if not self._answering:
            self._said = ""
            self._answer = self.run_worker(self._contained(self._write()), group="answer", exit_on_error=False)

    def action_promote(self) -> None:
        """Moves the project to its next bay."""
        self._begin(self._promote())

    def action_intensity(self, step: float) -> None:
        """Changes the intensity, and with it the temperature."""
        self._begin(self._change(lambda project: replace(project, intensity=stepped(project.intensity, step))))

    def action_take(self) -> None:
        """Adds the text of an interrupted answer."""
        self._begin(self._take_interrupted())

    def action_refresh_now(self) -> None:
        """Reads the projects anew."""
        self._begin(self._reload())

    def action_export(self) -> None:  # type: ignore[override]
        """Writes the draft to a Markdown file."""
        self._begin(self._export())

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _keys_of_focus(self) -> None:
        """In the text keys are text, all but one."""
        keys = [("esc", "leaves the text, or stops the model")] if self._editor.has_focus else self.shown_keys()
        self.query_one(KeyLine).show(*key_parts(keys))

    @on(Editor.Left)
    def _left(self) -> None:
        if self._stop():
            return
        self.focus_first()
        self._begin(self.save_now())

    @on(Editor.Changed)
    def _typed(self) -> None:
        if self._desk.unsaved:
            self._save_soon()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._begin(self._turn())

    @on(Prompt.Given)
    def _given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text is not None:
            self._begin(self._create(message.text))

    # Projects

    async def save_now(self) -> None:
        """Saves what is open; what can't be saved is tried again by itself. Raises BackendError."""
        try:
            await self._desk.save()
        except BackendError:
            self._save_soon()
            raise
        if self._problem is not None and self._problem.kind == StorageFailed.kind:
            self._problem = None
        self._show_projects()

    def _save_soon(self) -> None:
        self._draw_heading()
        if self._autosave is None:
            self._autosave = self.set_timer(AUTOSAVE_S, self._save_by_itself)

    def _save_by_itself(self) -> None:
        self._autosave = None
        self._begin(self.save_now())

    async def _reload(self) -> None:
        await self._desk.reload()
        self._show_projects()
        await self._turn()
        await self._look_at_limit()

    async def _create(self, title: str) -> None:
        project = await self._desk.create(title)
        self._show_projects()
        self._projects.move_to(str(project.id))
        await self._turn()

    async def _turn(self) -> None:
        """Turns to the project under the cursor; not while the model writes into another."""
        if self._answering:
            return
        before = self._desk.project
        await self._desk.turn_to(self._projects.cursor_key)
        if self._desk.project is None or before is None or before.id != self._desk.project.id:
            self._problem = self._writer.last = None
            self._said = ""

    async def _open(self) -> bool:
        """Opens the project under the cursor for writing; whether that was possible."""
        await self._turn()
        return await self._desk.open()

    async def _change(self, change: Callable[[Project], Project]) -> None:
        if await self._open():
            self._desk.change(change)
            self._save_soon()

    async def _promote(self) -> None:
        if not await self._open() or self._desk.project is None:
            return
        following = self._desk.project.bay.next
        if following is None:
            self._said = f"{self._desk.project.bay.value} is the last bay."
            return
        self._desk.change(lambda project: replace(project, bay=following))
        await self.save_now()

    async def _take_interrupted(self) -> None:
        if await self._open():
            await self._desk.take_interrupted()

    async def _export(self) -> None:
        if self._desk.project is not None:
            project = replace(self._desk.project, draft=self._editor.text)
            path = self.frame.exports / f"draft-{project.id}-{self.frame.now():%Y%m%dT%H%M%SZ}.md"
            await asyncio.to_thread(private_folder, path.parent)
            await asyncio.to_thread(write_document, path, as_document(project, Format.MARKDOWN))
            self.notify(str(path), title="exported", markup=False)

    # The model

    async def _write(self) -> None:
        try:
            await self._desk.turn_to(self._projects.cursor_key)
            if not await self._desk.open() or self._desk.project is None:
                return
            await self.save_now()
            if not self._editor.has_focus:
                self._editor.to_end()
            self._problem = None
            await self._writer.write(self._desk.project)
        except asyncio.CancelledError:
            self._said = "Stopped; what came is kept."
            raise
        finally:
            self._draw()
            self._begin(self._answered())

    async def _answered(self) -> None:
        await self.save_now()
        await self._turn()
        await self._look_at_limit()

    async def _look_at_limit(self) -> None:
        """Shows what the limit leaves, and looks again once it leaves more."""
        self._allowance = await self._service.allowance()
        if self._look is not None:
            self._look.stop()
        if self._allowance.next_s is not None:
            self._look = self.set_timer(self._allowance.next_s, lambda: self._begin(self._look_at_limit()))

    @property
    def _answering(self) -> bool:
        # A worker that is stopped before its first step never gets to say that it ended.
        return self._answer is not None and not self._answer.is_finished

    # Drawing

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        self.run_worker(self._contained(work), group="desk", exit_on_error=False)

    async def _contained(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work; a failure of it is shown, and ends nothing else."""
        try:
            await work
        except BackendError as error:
            self._problem = error.problem()
        except Exception as error:
            self._problem = self.frame.unexpected("drafting", error)
        if self.is_mounted:
            self._draw()

    def _show_projects(self) -> None:
        shown = [each for each in self._desk.library.projects if self.filter_text in each.title.lower()]
        self._projects.show([project_row(each) for each in shown])

    def _draw(self) -> None:
        self._draw_heading()
        self._draw_answer()
        self.query_one("#notice", Page).show(self._notice())

    def _notice(self) -> list[tuple[Cell, ...]]:
        notes = [*self._desk.notes]
        if unusable := self._service.options.unusable:
            notes.append(f"{', '.join(unusable)}: not usable, so the default holds.")
        if (answer := self._desk.interrupted) is not None:
            said = f"{len(answer.text):,} characters of an answer that was interrupted at {answer.at:%H:%M:%S} UTC"
            notes.append(f"y adds {said}.")
        if self._said:
            notes.append(self._said)
        return notice(self._problem or self._desk.held_by, self._service.model, self._writer.last, notes)

    def _draw_heading(self) -> None:
        desk = self._desk
        parts = (
            heading(desk.project, reading_only=desk.held_by is not None, unsaved=desk.unsaved) if desk.project else ()
        )
        self.query_one("#heading", Line).show(*parts)

    def _draw_answer(self) -> None:
        writer = self._writer
        parts = answer_line(self._service.model, self._allowance, writer.under_way, writer.last, self.frame.now())
        self.query_one("#answer", Line).show(*parts)
