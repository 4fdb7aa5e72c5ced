"""What comes into the draft on screen 6, what leaves it, and what is brought back; each looked at before it changes
anything that would be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from textual import on

from backends.drafting.changes import Changed, changes
from backends.drafting.difference import difference
from backends.drafting.documents import Format
from backends.drafting.errors import NotAccepted, StorageFailed
from backends.drafting.model import Project
from backends.drafting.review import leaving, watermark
from backends.drafting.service import DraftingService
from backends.drafting.transfers import is_bundle_file
from backends.safety.files import private_folder
from backends.safety.text import display_text
from screens.drafting_difference import DifferenceScreen, comparison
from screens.drafting_history import HistoryScreen
from screens.drafting_projects import ProjectsScreen
from screens.frame import Frame
from widgets.editor import Editor

LIBRARY: Final = "library"
"""What is exported where all projects are meant."""


class FilesScreen(ProjectsScreen):
    """The desk with files, the clipboard and the backups."""

    def __init__(self, frame: Frame, service: DraftingService) -> None:
        super().__init__(frame, service)
        self.editor.mark = lambda: self._mark(self.editor)
        self.tool.mark = lambda: self._mark(self.tool)

    # Keys

    def action_export(self) -> None:  # type: ignore[override]
        """Writes the draft to a Markdown file, or the library to a bundle where no project is shown."""
        self.begin(self.export())

    def action_history(self) -> None:
        """Offers the project as it was."""
        self.begin(self._show_history())

    def action_copy_draft(self) -> None:
        """Copies the draft (OSC 52), with its watermark while nobody reviewed it."""
        if self.desk.project is not None:
            self.app.copy_to_clipboard(leaving(self.shown(self.desk.project)))
            self.notify(f"{len(self.editor.text):,} characters", title="copied", markup=False)
            self.note("copy")

    @on(Editor.Copied)
    def _copied(self) -> None:
        self.note("copy")

    def _mark(self, text: Editor) -> str:
        """The watermark of what is copied out of the text: nobody has reviewed what differs from the draft."""
        shown = self.desk.project
        return watermark(replace(shown, draft=text.text)) if shown else ""

    # Differences

    async def offer(self, name: str, text: str, decided: Callable[[bool], None]) -> None:
        """Shows what would change if the text took the draft's place."""
        while True:
            old = self.editor.text
            found = await asyncio.to_thread(lambda: comparison(name, _draft_alone(old, text)))  # noqa: B023
            if self.editor.text == old:  # else somebody typed meanwhile
                self.app.push_screen(DifferenceScreen(self.frame, found), lambda taken: decided(bool(taken)))
                return

    # Into the draft

    async def import_file(self, path: Path) -> None:
        """Adds a bundle's projects, or a document's text to the draft. Raises BackendError."""
        if is_bundle_file(path):
            imported = await self.service.transfers.import_bundle(path)
            await self.reload()
            self.said = " ".join([f"Added {len(imported.projects)} projects.", *imported.notes])
            return
        if not await self.open():
            return
        document = await self.service.transfers.read(path)
        if (right := document.repair) is None:
            await self._add(document.text)
            return
        head = f"{display_text(path.name)} was decoded wrongly in {right.places} places"
        found = await asyncio.to_thread(lambda: comparison(head, _draft_alone(document.text, right.text)))
        sheet = DifferenceScreen(self.frame, found)
        self.app.push_screen(sheet, lambda taken: self.begin(self._add(right.text if taken else document.text)))

    async def _add(self, text: str) -> None:
        if not await self.desk.open() or self.desk.project is None:
            return
        before = self.editor.text
        draft = self.service.check_draft(f"{before.rstrip()}\n\n{text}" if before.strip() else text)
        self.editor.put(draft)
        self.partner.undo.note(self.desk.project.id, "import", before, self.editor.text)
        self.said = "Imported; u undoes it."
        await self.save_now()
        self.note("import")

    # Out of it

    async def export(self, form: str = "md") -> None:
        """Writes the draft, or a bundle: of the project, or of the library (also where no project is shown).

        Raises BackendError.
        """
        shown = self.desk.project if form != LIBRARY else None
        folder = await asyncio.to_thread(_private, self.frame.exports)
        stamp = f"{self.frame.now():%Y%m%dT%H%M%SZ}"
        if shown is None or form == "bundle":
            path = folder / f"{f'project-{shown.id}' if shown else 'drafts'}-{stamp}.json"
            await self.save_now()
            notice = await self.service.transfers.export_bundle(self.desk.project if shown else None, path)
            self.said = f"The bundle holds what nobody has marked as reviewed: {notice}" if notice else self.said
        elif form in {each.value for each in Format}:
            path = folder / f"draft-{shown.id}-{stamp}.{form}"
            await self.service.transfers.export(self.shown(shown), Format(form), path)
        else:
            raise NotAccepted(f"format “{form}” is none: txt, md, docx, bundle or library.")
        self.notify(str(path), title="exported", markup=False)

    # As it was

    async def _show_history(self) -> None:
        await self.save_now()
        project = self.desk.project
        if project is not None:
            kept = await self.service.in_backups(project.id)
            damaged = [line for line in await self.service.backups() if line.problem]
            sheet = HistoryScreen(project.title, kept, damaged)
            self.app.push_screen(sheet, lambda old: self.begin(self._compare(old)) if old else None)

    async def _compare(self, old: Project) -> None:
        """Shows all that would come back with a backup."""
        if self.desk.project is not None:
            now = self.shown(self.desk.project)
            found = await asyncio.to_thread(lambda: comparison("what would come back", changes(now, old)))
            sheet = DifferenceScreen(self.frame, found)
            self.app.push_screen(sheet, lambda taken: self.begin(self._restore(old)) if taken else None)

    async def _restore(self, old: Project) -> None:
        """Everything of the project as it was; all of what is here now can be brought back."""
        if not await self.desk.open() or self.desk.project is None or self.desk.project.id != old.id:
            return
        self.partner.undo.note_all("restore", self.shown(self.desk.project))
        self.desk.change(lambda _: old)
        self.editor.put(old.draft)
        self.said = "Restored; u brings back what was here."
        await self.save_now()
        self.note("restore")


def _draft_alone(old: str, new: str) -> tuple[Changed, ...]:
    return (Changed("draft", difference(old, new)),) if old != new else ()


def _private(folder: Path) -> Path:
    try:
        return private_folder(folder)
    except OSError as error:
        raise StorageFailed(f"Nothing can be exported there: {error.strerror}.", where=str(folder)) from error
