"""What comes into a state folder and what leaves it: documents, bundles, the original's files."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.clients.errors import NotThere
from backends.drafting.admission import check_library
from backends.drafting.bundles import is_bundle, library_bundle, library_of, project_bundle
from backends.drafting.documents import Document, Format, as_document, read_bytes, read_document, write_document
from backends.drafting.errors import NotAccepted
from backends.drafting.limits import draft_length
from backends.drafting.model import Library, Project
from backends.drafting.original import Original, is_original
from backends.drafting.repair import Repair
from backends.drafting.review import unreviewed

if TYPE_CHECKING:
    from backends.drafting.service import DraftingService

_BUNDLE_NAME: Final = re.compile(r".*\.json(?:\.bak\d+)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came in: the projects, the workspace if it was taken, what there is to say, and how the text would read
    repaired, where it was decoded wrongly and not repaired."""

    projects: tuple[Project, ...]
    notes: tuple[str, ...] = ()
    repair: Repair | None = None


def is_bundle_file(path: Path) -> bool:
    """Whether a file's name is that of a bundle or a state file.

    >>> [is_bundle_file(Path(name)) for name in ("olivetti_state.json.bak2", "library.json", "draft.md")]
    [True, True, False]
    """
    return _BUNDLE_NAME.match(path.name) is not None


class Transfers:
    """Imports and exports through a service, by its rules. Every method raises BackendError only."""

    def __init__(self, service: DraftingService) -> None:
        self._service = service

    async def read(self, path: Path) -> Document:
        """A document's text, before anything is done with it. Raises NotAccepted."""
        return await asyncio.to_thread(read_document, path, self._service.options.upload_bytes)

    async def import_document(
        self, path: Path, title: str, *, replacing: bool = False, repairing: bool = False
    ) -> Imported:
        """Puts a file's text into the project of that title, which is made where there is none.

        It follows what is there already, unless replacing. Raises NotAccepted, HeldByAnother, StorageFailed.
        """
        document = await self.read(path)
        chosen = document.repair if repairing else None
        text = chosen.text if chosen else document.text
        project = await self._put_into(title, text, replacing=replacing)
        await asyncio.to_thread(self._service.note, "import", project)
        return Imported((project,), repair=None if repairing else document.repair)

    async def _put_into(self, title: str, text: str, *, replacing: bool) -> Project:
        service = self._service
        try:
            known = await service.find(title)
        except NotThere:
            return await service.create(title, text)
        opened = await service.open(known.id)
        try:
            old = "" if replacing else opened.project.draft
            draft = f"{old.rstrip()}\n\n{text}" if old.strip() else text
            service.check_draft(draft)
            return (await service.save(opened, replace(opened.project, draft=draft))).project
        finally:
            opened.close()

    async def import_bundle(self, path: Path) -> Imported:
        """Adds what a bundle, a state file of the original or a backup of one holds. Raises NotAccepted, which names
        the field, before anything is added.

        A project whose id is taken gets a new one; the workspace is taken where the own one is empty.
        """
        service = self._service
        data = await asyncio.to_thread(read_bytes, path, service.options.upload_bytes)
        library, notes = await asyncio.to_thread(self._parsed, data, path.name)
        check_library(library, draft_length(service.options.draft_characters))
        added = await service.add_all(library)
        if added.workspace is None and library.workspace is not None and not library.workspace.is_blank:
            notes = (*notes, "The workspace is not empty or is being written, so the file's own was left out.")
        for project in (*added.projects, *([added.workspace] if added.workspace else [])):
            await asyncio.to_thread(service.note, "import bundle", project)
        return Imported(added.projects, notes)

    def _parsed(self, data: bytes, name: str) -> tuple[Library, tuple[str, ...]]:
        try:
            record = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise NotAccepted(f"{name} is no JSON: {error}.") from error
        if is_bundle(record):
            return library_of(record), ()
        if not is_original(record):
            raise NotAccepted(f"{name} is neither a bundle nor a state file.")
        original = Original(record, self._service.now())
        return original.library(), tuple(dict.fromkeys(original.notes))

    async def export(self, project: Project, form: Format, path: Path) -> None:
        """Writes the draft. Raises StorageFailed."""
        await asyncio.to_thread(lambda: write_document(path, as_document(project, form)))
        await asyncio.to_thread(self._service.note, "export", project)

    async def export_bundle(self, project: Project | None, path: Path) -> str:
        """Writes one project with all that belongs to it, or the whole library; gives back what the file says of drafts
        that nobody has reviewed. Raises StorageFailed."""
        now = self._service.now()
        library = (await self._service.load()).library
        text = library_bundle(library, now) if project is None else project_bundle(project, now)
        await asyncio.to_thread(write_document, path, text.encode("ascii"))
        await asyncio.to_thread(self._service.note, "export bundle", project)
        return unreviewed(library.projects if project is None else (project,))
