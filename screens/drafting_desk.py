"""What lies on the drafting screen's desk: all projects, and the one that is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from backends.clients.errors import BackendError
from backends.drafting.errors import HeldByAnother
from backends.drafting.journal import Interrupted
from backends.drafting.model import Kind, Library, Project
from backends.drafting.opened import OpenProject
from backends.drafting.service import DraftingService
from backends.sampling.reading import Problem
from widgets.editor import Editor


class Desk:
    """A project is shown as it is on disk; the first change opens it for writing, where nobody else does that.

    The editor holds the shown project's draft; only what is open for writing can be typed into. notes tell what was
    damaged on disk since the screen was opened, and what was recovered.
    """

    def __init__(self, service: DraftingService, editor: Editor) -> None:
        self.library = Library()
        self.project: Project | None = None
        self.notes: tuple[str, ...] = ()
        self._saved: Project | None = None
        self._service = service
        self._editor = editor
        self._opened: OpenProject | None = None
        self._aside: Interrupted | None = None
        self._turning = asyncio.Lock()
        editor.read_only = True

    @property
    def writable(self) -> bool:
        """Whether the shown project is open for writing."""
        return self._opened is not None and self._opened.writable

    @property
    def held_by(self) -> Problem | None:
        """Who else has it open for writing, where that was found out."""
        return self._opened.held_by.problem() if self._opened and self._opened.held_by else None

    @property
    def text(self) -> str:
        """The draft as it is in the editor now."""
        return self._editor.text

    def refusal(self) -> BackendError:
        """Why nothing can be changed."""
        if self._opened is not None and self._opened.held_by is not None:
            return self._opened.held_by
        return HeldByAnother(self.project.title if self.project else "", None)

    @property
    def interrupted(self) -> Interrupted | None:
        """An answer whose process died, which the open project lacks."""
        return self._opened.interrupted if self._opened else None

    @property
    def unsaved(self) -> bool:
        """Whether what is on the screen is something else than what was saved last."""
        if self.project is None or self._saved is None or not self.writable:
            return False
        return self.project != self._saved or self._editor.text != self._saved.draft

    async def reload(self) -> None:
        """Reads all projects. Raises BackendError."""
        loaded = await self._service.load()
        self.library = loaded.library
        self.notes += loaded.notes

    async def create(self, title: str, kind: Kind = Kind.PROSE) -> Project:
        """Makes a project. Raises BackendError."""
        project = await self._service.create(title, kind=kind)
        self.library = self.library.with_project(project)
        return project

    async def create_from_workspace(self, title: str) -> Project:
        """Makes a project of what is in the workspace, which is shown. Raises BackendError."""
        await self.open()
        await self.save()
        if self._opened is None or not self.writable:
            raise self.refusal()
        project = await self._service.create_from_workspace(self._opened, title)
        self.library = self.library.with_project(self._opened.project).with_project(project)
        self.project = self._opened.project
        self._show()
        return project

    async def turn_to(self, key: str | None) -> None:
        """Shows the project of that key, after saving and closing the one that was open. Raises BackendError."""
        async with self._turning:
            if self._opened is not None and key == str(self._opened.project.id):
                return
            await self.save()
            self.close()
            self.project = self.library.find(UUID(key)) if key else None
            self._show()

    async def show_again(self) -> None:
        """Shows the project as it is on disk now: something else than this desk has saved it. Raises BackendError."""
        if self._opened is not None:
            await self.reload()
            found = self.library.find(self._opened.project.id)
            if found is not None:
                self._opened.project = self.project = found
                self._show()

    async def open(self) -> bool:
        """Opens the shown project for writing unless it is; whether that was possible. Raises BackendError."""
        async with self._turning:
            if self.project is not None and not self.writable:
                self._opened = await self._service.open(self.project.id)
                self.project = self._opened.project
                self._show()
            return self.writable

    def change(self, change: Callable[[Project], Project]) -> None:
        """Changes the open project, which is to be saved."""
        if self.project is not None:
            self.project = change(self.project)

    async def save(self) -> None:
        """Saves what is open. Raises BackendError; everything stays in the editor then."""
        opened, project = self._opened, self.project
        if opened is None or project is None or not opened.writable:
            return
        result = await self._service.save(opened, replace(project, draft=self._editor.text))
        saved = result.project
        self.notes += result.notes
        self.library = self.library.with_project(saved)
        if self.project is not None and self.project.id == saved.id:
            # All but the draft may have been changed again meanwhile.
            self.project = replace(self.project, draft=saved.draft, updated_at=saved.updated_at)
            self._saved = saved

    async def take_interrupted(self) -> None:
        """Puts the text of the interrupted answer at the draft's end and saves. Raises BackendError."""
        if self._opened is not None and (answer := self._opened.interrupted) is not None:
            self._editor.append(answer.text)
            await self.save()
            await self._service.recovered(self._opened, answer)

    def set_aside_interrupted(self) -> None:
        """The interrupted answer is looked at now: it is not offered, and not let go either."""
        if self._opened is not None:
            self._aside, self._opened.interrupted = self._opened.interrupted, None

    async def let_go_interrupted(self) -> None:
        """The answer that was looked at is offered no more: it was seen, or goes on in another. Raises BackendError."""
        answer, self._aside = self._aside, None
        if self._opened is not None and answer is not None:
            await self._service.recovered(self._opened, answer)

    def close(self) -> None:
        """Lets others write what was open."""
        self._aside = None
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._editor.read_only = True

    def _show(self) -> None:
        self._editor.show(self.project.draft if self.project else "")
        self._editor.read_only = not self.writable
        self._saved = self.project
