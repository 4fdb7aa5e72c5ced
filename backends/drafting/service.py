"""What the drafting screen and `olorin draft` both do: open, save, ask, import, export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, ParamSpec, TypeVar
from uuid import UUID, uuid4

from backends.clients.errors import BackendError, NotThere
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.answer import Event, Outcome, Waiting
from backends.drafting.brief import Brief, build_brief
from backends.drafting.documents import read_document
from backends.drafting.errors import HeldByAnother, NotAccepted, StorageFailed
from backends.drafting.gateway import ModelGateway
from backends.drafting.journal import Interrupted, Journal, close_interrupted, interrupted
from backends.drafting.limit import Allowance, CallLimit
from backends.drafting.locks import ProjectLock
from backends.drafting.model import DEFAULT_TITLE, Action, Effect, Lane, Project
from backends.drafting.options import DraftingOptions
from backends.drafting.records import safe_title
from backends.drafting.rules import joint, missing_part, summary
from backends.drafting.store import Loaded, Saved, Store
from backends.sampling.reading import utc_now
from backends.sampling.state import Summary

P = ParamSpec("P")
T = TypeVar("T")

TITLE_LIMIT: Final = 120
"""Characters of a title at most."""


@dataclass(slots=True)
class OpenProject:
    """A project that this process has open: for writing while it has the lock, else for reading, and why.

    interrupted is an answer whose process died, with the text that the draft lacks of it.
    """

    project: Project
    lock: ProjectLock | None
    held_by: HeldByAnother | None = None
    interrupted: Interrupted | None = None

    @property
    def writable(self) -> bool:
        """Whether it may be saved."""
        return self.lock is not None and self.lock.held

    def close(self) -> None:
        """Lets others write it."""
        if self.lock is not None:
            self.lock.release()


class DraftingService:
    """Drafting in one state folder. Files are touched in threads only; every method raises BackendError only."""

    def __init__(
        self, folder: Path, client: ModelClient, options: DraftingOptions, now: Callable[[], datetime] = utc_now
    ) -> None:
        self.options = options
        self._folder = folder
        self._now = now
        self._store = Store(folder, options.backups, now)
        self._limit = CallLimit(folder, options.calls)
        self._gateway = ModelGateway(client, self._limit, options.retries, options.backoff_s)
        self._saving = asyncio.Lock()

    # Projects

    async def load(self) -> Loaded:
        """All projects as they are on disk now."""
        return await asyncio.to_thread(self._store.load)

    async def find(self, name: str) -> Project:
        """The project of that title, or of that id. Raises NotThere, NotAccepted where several have the title."""
        projects = (await self.load()).library.projects
        found = [each for each in projects if name in {each.title, str(each.id)}]
        if not found:
            raise NotThere(f"There is no project “{name}”.", hint="`olorin draft projects` lists them.")
        if len(found) > 1:
            ids = ", ".join(str(each.id) for each in found)
            raise NotAccepted(f"{len(found)} projects are called “{name}”: name one by its id ({ids}).")
        return found[0]

    async def create(self, title: str, draft: str = "") -> Project:
        """A new project in the bay NEW, saved. Raises NotAccepted, StorageFailed."""
        title = safe_title(" ".join(title.split())) or DEFAULT_TITLE
        if len(title) > TITLE_LIMIT:
            raise NotAccepted(f"The title has {len(title):,} characters; at most {TITLE_LIMIT} are kept.")
        now = self._now()
        project = Project(uuid4(), title, now, now, draft=self._checked(draft), intensity=self.options.intensity)
        return (await self._put(project)).project

    async def open(self, project_id: UUID) -> OpenProject:
        """Opens the project as it is on disk now, for writing unless another process does that."""
        return await asyncio.to_thread(self._open, project_id)

    async def save(self, opened: OpenProject, project: Project) -> Saved:
        """Saves the project, which the handle then holds. Raises HeldByAnother, StorageFailed."""
        if not opened.writable:
            raise opened.held_by or HeldByAnother(opened.project.title, None)
        saved = await self._put(project)
        opened.project = saved.project
        return saved

    async def recovered(self, opened: OpenProject) -> None:
        """Marks the interrupted answer as taken care of: its text is in the saved draft now."""
        answer, opened.interrupted = opened.interrupted, None
        if answer is not None:
            await asyncio.to_thread(_in_words, close_interrupted, answer)

    def _open(self, project_id: UUID) -> OpenProject:
        # The lock comes before the reading, so that nothing is saved between them.
        known = self._known(project_id)
        try:
            lock = _in_words(ProjectLock.take, self._folder / "locks", known, self._now())
        except HeldByAnother as error:
            return OpenProject(self._known(project_id), None, error)
        try:
            project = self._known(project_id)
            return OpenProject(project, lock, interrupted=self._interrupted(project))
        except BaseException:
            lock.release()
            raise

    def _interrupted(self, project: Project) -> Interrupted | None:
        """The answer whose process died, with what of it the draft lacks; None where it lacks nothing."""
        answer = interrupted(self._journals, project.id)
        if answer is None:
            return None
        missing = missing_part(project.draft, answer.text)
        if not missing:
            _in_words(close_interrupted, answer)
            return None
        return replace(answer, text=missing)

    def _known(self, project_id: UUID) -> Project:
        project = self._store.load().library.find(project_id)
        if project is None:
            raise NotThere("The project is not there any more.")
        return project

    async def _put(self, project: Project) -> Saved:
        # Whoever asked may be cancelled; a save once begun ends before the next one begins.
        return await asyncio.shield(self._put_in_turn(project))

    async def _put_in_turn(self, project: Project) -> Saved:
        async with self._saving:
            return await asyncio.to_thread(self._store.put, project)

    def _checked(self, draft: str) -> str:
        limit = self.options.draft_characters
        if len(draft) > limit:
            raise NotAccepted(f"The draft has {len(draft):,} characters; at most {limit:,} are kept.")
        return draft

    # The model

    @property
    def model(self) -> ModelTarget | BackendError:
        """Where the model is asked, or why it can't be."""
        try:
            return self._gateway.target
        except BackendError as error:
            return error

    async def allowance(self) -> Allowance:
        """What the shared limit leaves now."""
        return await self._limit.allowance()

    async def answer(
        self, project: Project, action: Action, lane: Lane | None = None, *, wait: bool = True
    ) -> AsyncGenerator[Event, None]:
        """The model's answer as events, the last one its Outcome; the project is not changed.

        What came is in the journal however it ends. Raises BackendError where no text came; LimitReached unless wait.
        """
        brief = build_brief(action, project, lane)
        _ = self._gateway.target
        journal = await asyncio.to_thread(_in_words, self._journal, project, brief)
        end = "stopped"
        try:
            async with aclosing(self._gateway.answer(brief, wait=wait)) as events:
                async for event in events:
                    if isinstance(event, Outcome):
                        end = event.finish_reason or "broken"
                    elif not isinstance(event, Waiting):
                        journal.chunk(event.text)
                    yield event
        except BackendError as error:
            end = error.kind
            raise
        finally:
            journal.end(end)

    async def apply(self, opened: OpenProject, outcome: Outcome) -> Saved:
        """Puts an answer into the draft and saves. Raises NotAccepted where it is not whole, and as save does."""
        if not outcome.whole:
            why = outcome.broken.message if outcome.broken else f"it ended with {outcome.finish_reason}"
            raise NotAccepted(f"The answer is not whole, so the draft stays as it was: {why}")
        return await self.save(opened, replace(opened.project, draft=applied(opened.project.draft, outcome)))

    @property
    def _journals(self) -> Path:
        return self._folder / "journal"

    def _journal(self, project: Project, brief: Brief) -> Journal:
        head: dict[str, object] = {"action": brief.action.value, "lane": brief.lane.value}
        return Journal(self._journals, project.id, head, self._now())

    # Files and figures

    async def import_file(self, path: Path, title: str, *, replacing: bool = False) -> Project:
        """Puts a file's text into the project of that title, which is made where there is none.

        It follows what is there already, unless replacing. Raises NotAccepted, HeldByAnother, StorageFailed.
        """
        text = await asyncio.to_thread(read_document, path, self.options.upload_bytes)
        try:
            known = await self.find(title)
        except NotThere:
            return await self.create(title, text)
        opened = await self.open(known.id)
        try:
            old = "" if replacing else opened.project.draft
            draft = self._checked(f"{old.rstrip()}\n\n{text}" if old.strip() else text)
            return (await self.save(opened, replace(opened.project, draft=draft))).project
        finally:
            opened.close()

    async def summary(self) -> Summary:
        """Drafting in one line; asks nobody anything."""
        model = self.model
        return summary((await self.load()).library, model if isinstance(model, BackendError) else None)


def applied(draft: str, outcome: Outcome) -> str:
    """The draft with the answer in it."""
    if outcome.action.effect is Effect.APPEND:
        return draft + joint(draft, outcome.text) + outcome.text
    return outcome.text


def _in_words(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the work; an OSError of it becomes StorageFailed."""
    try:
        return work(*args, **kwargs)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageFailed(f"The drafts' files can't be used: {reason}.", where=str(error.filename or "")) from error
