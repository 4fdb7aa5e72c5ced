"""The desk of screen 6 without the model: projects, the draft, saving by itself, and what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.worker import Worker

from backends.clients.errors import BackendError
from backends.drafting.errors import StorageFailed
from backends.drafting.limits import TITLE
from backends.drafting.model import Effect, Kind, Project
from backends.drafting.rules import stepped
from backends.drafting.service import DraftingService
from backends.sampling.reading import Problem
from screens.base import LiveScreen, closed_with
from screens.drafting_desk import Desk
from screens.drafting_lines import COLUMNS, heading, project_row
from screens.drafting_partner import Asked, Partner
from screens.frame import Frame
from widgets.editor import Editor
from widgets.grid import Grid
from widgets.key_line import KeyLine, key_parts
from widgets.line import Line
from widgets.page import Page
from widgets.prompt import Prompt
from widgets.tone import Cell

INTENSITY_STEP: Final = 0.05

WIDE: Final = 100
"""Columns from which on the projects stand beside the draft."""


class ProjectList(Grid):
    """The projects. Opening one is an action of the screen, so that keys typed ahead wait for the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,right,l", "screen.edit", "edit", show=False)]


class ProjectsScreen(LiveScreen):
    """A project is shown as it is on disk; the first change to it opens it for writing, where nobody else does that."""

    KEY = "6"
    COMMAND = "draft projects"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (WIDE, "-wide")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "new", tooltip="Make a project; from the workspace, of what is in it"),
        Binding("i", "edit", "edit", tooltip="Edit the draft; esc leaves it (enter does the same)"),
        Binding("p", "promote", "promote", tooltip="Promote the project to the next bay"),
        Binding("plus,equals_sign", f"intensity({INTENSITY_STEP})", "bolder", tooltip="Raise the intensity"),
        Binding("minus", f"intensity(-{INTENSITY_STEP})", "calmer", show=False, tooltip="Lower the intensity"),
        Binding("u", "undo", "undo", tooltip="Undo the last action on the draft"),
        Binding("U", "redo", "redo", show=False, tooltip="Bring back what was undone"),
        Binding("y", "take", "take", show=False, tooltip="Take what an interrupted answer had said"),
    ]
    DEFAULT_CSS = """
    ProjectsScreen {
        & > #desk { height: 1fr; margin: 1 1 0 1; }
        & #projects { width: 36; margin: 0 1 0 0; }
        & #editor { height: 2fr; }
        & #tool { height: 1fr; display: none; border-top: solid $accent; background: $surface; }
        & #heading { background: $surface; }
        & > #answer { height: 1; margin: 0 1; }
        & > #notice { height: auto; max-height: 4; margin: 0 1; padding: 0 1; }
        &.-narrow > #desk { layout: vertical; }
        &.-narrow #projects { width: 1fr; height: 4; margin: 0; }
    }
    """

    def __init__(self, frame: Frame, service: DraftingService) -> None:
        super().__init__(frame)
        self.service = service
        self.editor = Editor(id="editor")
        self.tool = Editor(id="tool")
        self.projects = ProjectList(*COLUMNS, empty="no projects: n makes one", id="projects")
        self.desk = Desk(service, self.editor)
        self.partner = Partner(service, self.editor, self.tool, self.set_timer, frame.now, self.draw)
        self.problem: Problem | None = None
        self.said = ""
        self._autosave: Timer | None = None

    def body(self) -> ComposeResult:
        """Projects at the left (on top where it is narrow), the draft, what the model does, what is wrong."""
        # Textual would find this out only after it has painted the screen as if it were wide.
        self.set_class(self.app.size.width < WIDE, "-narrow")
        with Horizontal(id="desk"):
            yield self.projects
            with Vertical():
                yield Line(id="heading")
                yield self.editor
                yield self.tool
        yield Line(id="answer")
        yield Page(id="notice")
        yield Prompt("title of the new project", limit=TITLE.most)

    def on_mount(self) -> None:
        """Shows the empty desk; the projects come with the screen's first showing."""
        self.query_one("#notice", Page).can_focus = False
        self.tool.read_only = True
        self.draw()

    def on_screen_resume(self) -> None:
        """Reads the projects anew: others may have changed theirs."""
        self.begin(self.reload())

    def on_screen_suspend(self) -> None:
        """Saves before one looks elsewhere."""
        self.begin(self.save_now())

    async def on_leave(self) -> None:
        """Saves, and lets others write."""
        await self.contained(self.save_now())
        if self.desk.unsaved:
            # A page above put something in while that was being saved.
            await self.contained(self.save_now())
        self.desk.close()

    def shown_keys(self) -> list[tuple[str, str]]:
        """The keys but for freezing: nothing moves here by itself."""
        return [key for key in super().shown_keys() if key[1] != "freeze"]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides what makes no sense now."""
        if action == "take":
            return self.desk.interrupted is not None
        return action != "freeze"

    def filtered(self, text: str) -> None:
        """Keeps the projects whose title holds the text."""
        self.show_projects()

    @property
    def busy(self) -> bool:
        """Whether the desk must stay on the project that it is on."""
        return False

    # Keys

    async def action_edit(self) -> None:
        """Opens the project and gives its text the focus."""
        await self.contained(self.open())
        if self.desk.project is not None:
            self.editor.focus()

    def action_new(self) -> None:
        """Asks for a title."""
        self.query_one(Prompt).open()

    def action_promote(self) -> None:
        """Moves the project to its next bay."""
        self.begin(self.promote())

    def action_intensity(self, step: float) -> None:
        """Changes the intensity, and with it the temperature."""
        self.begin(self.change(lambda project: replace(project, intensity=stepped(project.intensity, step))))

    def action_undo(self) -> None:
        """Goes back to the draft before the last action."""
        self.begin(self._step(-1))

    def action_redo(self) -> None:
        """Goes forth to the draft before the last undoing."""
        self.begin(self._step(1))

    def action_take(self) -> None:
        """Takes the text of an interrupted answer: into the draft, or beside it what was to take its place."""
        self.begin(self._take_interrupted())

    def action_refresh_now(self) -> None:
        """Reads the projects anew."""
        self.begin(self.reload())

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _keys_of_focus(self) -> None:
        """In the text keys are text, all but one."""
        keys = [("esc", "leaves the text, or stops the model")] if self.editor.has_focus else self.shown_keys()
        self.query_one(KeyLine).show(*key_parts(keys))

    @on(Editor.Left)
    def _left(self) -> None:
        if self.stop():
            return
        self.focus_first()
        self.begin(self.save_now())

    @on(Editor.Changed, "#editor")
    def _typed(self) -> None:
        if self.desk.unsaved:
            self.save_soon()

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self.begin(self.turn())

    @on(Prompt.Given)
    def _given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text is not None:
            self.begin(self.create(message.text))

    def stop(self) -> bool:
        """Stops the model; whether it was answering."""
        return False

    def note(self, what: str) -> None:
        """Records that something was done to the shown project, without its text."""
        self.begin(asyncio.to_thread(self.service.note, what, self.desk.project))

    # Projects

    def shown(self, project: Project) -> Project:
        """The project with its draft as it is in the editor now."""
        return replace(project, draft=self.editor.text)

    async def save_now(self) -> None:
        """Saves what is open; what can't be saved is tried again by itself. Raises BackendError."""
        try:
            await self.desk.save()
        except BackendError:
            self.save_soon()
            raise
        if self.problem is not None and self.problem.kind == StorageFailed.kind:
            self.problem = None
        self.show_projects()

    def save_soon(self) -> None:
        """Saves before long."""
        self.draw_heading()
        if self._autosave is None:
            self._autosave = self.set_timer(self.service.options.autosave_s, self._save_by_itself)

    def _save_by_itself(self) -> None:
        self._autosave = None
        self.begin(self.save_now())

    async def reload(self) -> None:
        """Reads all projects. Raises BackendError."""
        await self.desk.reload()
        self.show_projects()
        await self.turn()

    async def create(self, title: str, kind: Kind = Kind.PROSE) -> None:
        """Makes a project, of what the workspace holds where that is shown. Raises BackendError."""
        shown = self.desk.project
        if kind is Kind.PROSE and shown is not None and shown.kind is Kind.WORKSPACE:
            project = await self.desk.create_from_workspace(title)
        else:
            project = await self.desk.create(title, kind)
        self.show_projects()
        self.projects.move_to(str(project.id))
        await self.turn()

    async def turn(self) -> None:
        """Turns to the project under the cursor; not while the model writes into another."""
        if self.busy:
            return
        before = self.desk.project
        await self.desk.turn_to(self.projects.cursor_key)
        if self.desk.project is None or before is None or before.id != self.desk.project.id:
            self.problem, self.said = None, ""
            self.partner.forget()

    async def open(self) -> bool:
        """Opens the project under the cursor for writing; whether that was possible. Raises BackendError."""
        await self.turn()
        return await self.desk.open()

    async def change(self, change: Callable[[Project], Project]) -> None:
        """Changes the project, which saves itself. Raises BackendError."""
        if await self.open():
            self.desk.change(change)
            self.save_soon()

    async def promote(self) -> None:
        """Moves the project to its next bay. Raises BackendError."""
        if not await self.open() or self.desk.project is None:
            return
        following = self.desk.project.bay.next
        if self.desk.project.kind is Kind.WORKSPACE or following is None:
            self.said = f"{self.desk.project.bay.value} is the last bay."
            if self.desk.project.kind is Kind.WORKSPACE:
                self.said = "The workspace is in no bay: n makes a project of it."
            return
        self.desk.change(lambda project: replace(project, bay=following))
        await self.save_now()
        self.note("promote")

    async def _step(self, way: int) -> None:
        if not await self.open() or self.desk.project is None:
            return
        move = self.partner.undo.back if way < 0 else self.partner.undo.forth
        step = move(self.shown(self.desk.project))
        if step is None:
            self.said = "Nothing to undo." if way < 0 else "Nothing was undone."
            return
        if (whole := step.project) is not None:
            self.desk.change(lambda _: whole)
        self.editor.put(step.draft)
        self.said = f"Undid {step.name}; U brings it back." if way < 0 else f"Did {step.name} again."
        await self.save_now()
        self.note("undo" if way < 0 else "redo")

    async def _take_interrupted(self) -> None:
        if not await self.open() or self.desk.project is None or (answer := self.desk.interrupted) is None:
            return
        if answer.known_action.effect is Effect.APPEND:
            before = self.editor.text
            await self.desk.take_interrupted()
            self.partner.undo.note(self.desk.project.id, "take", before, self.editor.text)
            return
        self.partner.resume(Asked(self.desk.project, answer.known_action, answer.text))
        self.desk.set_aside_interrupted()

    # Drawing

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work beside."""
        self.beside(work, "desk")

    def beside(self, work: Coroutine[Any, Any, object], group: str) -> Worker[None]:
        """Does the work in a worker of the group."""
        return closed_with(self.run_worker(partial(self.contained, work), group=group, exit_on_error=False), work)

    async def contained(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work; a failure of it is shown, and ends nothing else."""
        try:
            await work
        except BackendError as error:
            self.problem = error.problem()
        except Exception as error:
            self.problem = self.frame.unexpected("drafting", error)
        if self.is_mounted:
            self.draw()

    def show_projects(self) -> None:
        """Shows the projects that pass the filter, and the workspace below them."""
        library = self.desk.library
        workspace = [library.workspace] if library.workspace else []
        shown = [each for each in (*library.projects, *workspace) if self.filter_text in each.title.lower()]
        self.projects.show([project_row(each) for each in shown])

    def draw(self) -> None:
        """Draws all that is said about project and answer."""
        self.draw_heading()
        self.query_one("#notice", Page).show(self.notice())

    def notice(self) -> list[tuple[Cell, ...]]:
        """What is wrong, and what there is to say."""
        return []

    def draw_heading(self) -> None:
        """Draws the line above the draft."""
        desk = self.desk
        parts = (
            heading(desk.project, reading_only=desk.held_by is not None, unsaved=desk.unsaved) if desk.project else ()
        )
        self.query_one("#heading", Line).show(*parts)
