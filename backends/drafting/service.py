"""What the drafting screen and `olorin draft` both do: open, save, ask, import, export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from backends.clients.errors import BackendError, NotThere
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.activity import AUTOSAVE, Activity
from backends.drafting.activity import Event as ActivityEvent
from backends.drafting.answer import Event, Outcome
from backends.drafting.bibles import Bibles, Binding, Source, Voice
from backends.drafting.brief import Brief, build_brief, going_on
from backends.drafting.cache import AnswerCache
from backends.drafting.changes import changed_parts
from backends.drafting.conversation import Conversation
from backends.drafting.errors import HeldByAnother, NotAccepted, in_words
from backends.drafting.gateway import ModelGateway
from backends.drafting.journal import Interrupted, close_interrupted, interrupted
from backends.drafting.limit import Allowance, CallLimit
from backends.drafting.limits import TITLE, draft_length
from backends.drafting.locks import ProjectLock
from backends.drafting.model import (
    DEFAULT_TITLE,
    WORKSPACE_ID,
    Action,
    Bay,
    Effect,
    Kind,
    Lane,
    Library,
    Project,
    StoryBible,
    new_workspace,
)
from backends.drafting.opened import OpenProject
from backends.drafting.options import DraftingOptions
from backends.drafting.records import safe_title
from backends.drafting.rules import joint, missing_part, summary
from backends.drafting.statistics import Statistics, statistics
from backends.drafting.store import BackupLine, Loaded, Saved, Store, backup_line
from backends.drafting.transfers import Transfers
from backends.safety.gate import Act, Token
from backends.sampling.reading import utc_now
from backends.sampling.state import Summary

SEED_VOICES = ("Voice A", "Voice B")
"""Voices that every new project has, without a sample."""


class DraftingService:
    """Drafting in one folder. Files are touched in threads only; every method raises BackendError only.

    calls: the folder in which the limit is kept, where others draft in folders of their own under the same limit.
    """

    def __init__(
        self,
        folder: Path,
        client: ModelClient,
        options: DraftingOptions,
        now: Callable[[], datetime] = utc_now,
        *,
        calls: Path | None = None,
    ) -> None:
        self.options = options
        self._folder = folder
        self._now = now
        self._started = now()
        self._store = Store(folder, options.backups, now)
        self._limit = CallLimit(calls or folder, options.calls)
        self._client = client
        self._gateway = ModelGateway(client, self._limit, options.retries, options.backoff_s)
        self._activity = Activity(folder, off=not options.analytics)
        cache = AnswerCache(options.cache_s)
        self._conversation = Conversation(self._gateway, cache, self._activity, self._journals, now)
        self._conversation.telemetry = options.telemetry
        self._saving = asyncio.Lock()

    # Projects

    async def load(self) -> Loaded:
        """All projects as they are on disk now, and the workspace, which is always there."""
        loaded = await asyncio.to_thread(self._store.load)
        return replace(loaded, library=self._with_workspace(loaded.library))

    def _with_workspace(self, library: Library) -> Library:
        if library.workspace is not None:
            return library
        fresh = new_workspace(self._now())
        return replace(library, workspace=replace(fresh, bibles=self._seeded(), intensity=self.options.intensity))

    def _seeded(self) -> Bibles:
        return Bibles(voices=tuple(Voice(name, self._now()) for name in SEED_VOICES))

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

    async def create(self, title: str, draft: str = "", kind: Kind = Kind.PROSE) -> Project:
        """A new project in the bay NEW, saved. Raises NotAccepted, StorageFailed."""
        now = self._now()
        project = Project(
            uuid4(),
            self._title(title),
            now,
            now,
            draft=self.check_draft(draft),
            intensity=self.options.intensity,
            kind=kind,
            binding=Binding(created_at=now),
            bibles=self._seeded(),
        )
        return await self.add(project)

    async def create_from_workspace(self, opened: OpenProject, title: str) -> Project:
        """A project of what the open workspace holds, which keeps its voices, banks, sample and intensity only."""
        workspace, now = opened.project, self._now()
        binding = Binding(created_at=now, source=Source.WORKSPACE, source_id=str(workspace.story_bible_id))
        project = replace(
            workspace,
            id=uuid4(),
            title=self._title(title),
            created_at=now,
            updated_at=now,
            bay=Bay.NEW,
            kind=Kind.PROSE,
            binding=binding,
        )
        made = await self.add(project)
        await self.save(opened, replace(workspace, draft="", story_bible=StoryBible(), binding=Binding(), ignored=()))
        return made

    async def add(self, project: Project) -> Project:
        """Saves a project that was not there before. Raises NotAccepted where the library is full, StorageFailed."""
        count = len((await self.load()).library.projects)
        if count >= self.options.projects:
            raise NotAccepted(
                f"projects: there are {count:,}; at most {self.options.projects:,} are kept (MAX_PROJECTS)."
            )
        return (await self._put(project)).project

    async def add_all(self, coming: Library) -> Library:
        """Saves projects that were not there before, and a workspace where the own one is blank and in nobody's hands,
        all or none; gives back what was added. Raises NotAccepted."""
        count = len((await self.load()).library.projects) + len(coming.projects)
        if count > self.options.projects:
            raise NotAccepted(f"projects: there would be {count:,}; at most {self.options.projects:,} (MAX_PROJECTS).")
        own = await self.open(WORKSPACE_ID)
        try:
            chosen = coming if own.writable else Library(coming.projects)
            async with self._saving:
                return await asyncio.shield(asyncio.to_thread(self._store.add, chosen))
        finally:
            own.close()

    def _title(self, title: str) -> str:
        return TITLE.check(safe_title(" ".join(title.split())) or DEFAULT_TITLE)

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

    async def backups(self) -> list[BackupLine]:
        """The backups in a line each, newest first."""
        return [backup_line(each) for each in await asyncio.to_thread(self._store.backups)]

    async def in_backups(self, project_id: UUID) -> list[tuple[BackupLine, Project]]:
        """The project as it was in each backup that holds it, newest first."""
        found = await asyncio.to_thread(self._store.backups)
        held = [(each, each.library.find(project_id)) for each in found if each.library is not None]
        return [(backup_line(each), project) for each, project in held if project is not None]

    async def restore(self, name: str, number: int) -> Project:
        """Saves the project as it was in that backup. Raises NotThere, HeldByAnother, StorageFailed."""
        found = next((each for each in await asyncio.to_thread(self._store.backups) if each.number == number), None)
        if found is None or found.library is None:
            why = f": {found.problem}" if found is not None else ""
            raise NotThere(f"There is no good backup {number}{why}.", hint="`olorin draft restore` lists them.")
        named = [each for each in found.library.projects if name in {each.title, str(each.id)}]
        if len(named) != 1:
            raise NotThere(f"Backup {number} holds {len(named)} projects “{name}”.", hint="Name one by its id.")
        opened = await asyncio.to_thread(self._open_or_new, named[0])
        try:
            project = (await self.save(opened, named[0])).project
            await asyncio.to_thread(self.note, "restore", project)
            return project
        finally:
            opened.close()

    def _open_or_new(self, project: Project) -> OpenProject:
        """The project opened for writing; one that is not there any more is locked as if it were."""
        try:
            return self._open(project.id)
        except NotThere:
            return OpenProject(project, in_words(ProjectLock.take, self._folder / "locks", project, self._now()))

    async def recovered(self, opened: OpenProject, answer: Interrupted) -> None:
        """Marks an interrupted answer as taken care of: its text is in the saved draft, or seen and let go. Where there
        is one before it, that is offered then."""
        await asyncio.to_thread(in_words, close_interrupted, answer)
        opened.interrupted = await asyncio.to_thread(self._interrupted, opened.project)

    def _open(self, project_id: UUID) -> OpenProject:
        # The lock comes before the reading, so that nothing is saved between them.
        known = self._known(project_id)
        try:
            lock = in_words(ProjectLock.take, self._folder / "locks", known, self._now())
        except HeldByAnother as error:
            return OpenProject(self._known(project_id), None, error)
        try:
            project = self._known(project_id)
            return OpenProject(project, lock, interrupted=self._interrupted(project))
        except BaseException:
            lock.release()
            raise

    def _interrupted(self, project: Project) -> Interrupted | None:
        """The newest answer whose process died, with what of it the draft lacks; None where it lacks nothing.

        One that was to take the draft's place, or stand beside it, is no part of the draft and stays as it is.
        """
        for answer in interrupted(self._journals, project.id):
            if answer.known_action.effect is not Effect.APPEND:
                return answer
            if missing := missing_part(project.draft, answer.text):
                return replace(answer, text=missing)
            in_words(close_interrupted, answer)
        return None

    def _known(self, project_id: UUID) -> Project:
        project = self._with_workspace(self._store.load().library).find(project_id)
        if project is None:
            raise NotThere("The project is not there any more.")
        return project

    async def _put(self, project: Project) -> Saved:
        # Whoever asked may be cancelled; a save once begun ends before the next one begins.
        return await asyncio.shield(self._put_in_turn(project))

    async def _put_in_turn(self, project: Project) -> Saved:
        async with self._saving:
            return await asyncio.to_thread(self._put_and_count, project)

    def _put_and_count(self, project: Project) -> Saved:
        saved = self._store.put(project)
        if saved.written:
            for what in (AUTOSAVE, *_done(saved)):
                self.note(what, saved.project)
        return saved

    def check_draft(self, draft: str) -> str:
        """The draft, if it is short enough; what a person types is saved in any case. Raises NotAccepted."""
        return draft_length(self.options.draft_characters).check(draft)

    def note(self, what: str, project: Project | None) -> None:
        """Records that something was done to a project, or to all, without their text."""
        known, words = (str(project.id), project.words) if project is not None else ("", 0)
        self._activity.record(ActivityEvent(self._now(), what, known, words=words))

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

    def brief(self, project: Project, action: Action, lane: Lane | None = None) -> Brief:
        """What an action would send, as it would be sent. Raises NotAccepted."""
        self.check_draft(project.draft)
        return build_brief(action, project, lane)

    def rest(self, project: Project, action: Action, so_far: str) -> Brief:
        """What asks for the rest of an answer that broke off; its outcome's text is the rest alone."""
        return going_on(self.brief(project, action), so_far)

    async def answer(
        self, project: Project, action: Action, lane: Lane | None = None, *, wait: bool = True, cached: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The model's answer to an action's brief, as `send` gives it."""
        brief = await asyncio.to_thread(self.brief, project, action, lane)
        async with aclosing(self.send(project, brief, wait=wait, cached=cached)) as events:
            async for event in events:
                yield event

    async def send(
        self, project: Project, brief: Brief, *, wait: bool = True, cached: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The model's answer to exactly this brief as events, the last one its Outcome; the project is not changed.

        cached: an earlier answer to exactly this request is good enough. What came is in the journal however it ends.
        Raises BackendError where no text came; LimitReached unless wait.
        """
        async with aclosing(self._conversation.answer(project, brief, wait=wait, cached=cached)) as events:
            async for event in events:
                yield event

    def apply_act(self, project: Project, action: Action) -> Act:
        """The act of putting an answer into a project's draft unseen, for the gate."""
        return Act("drafting.apply", f"the draft of {project.title}", {"project": project.id, "action": action})

    async def apply(self, token: Token, opened: OpenProject, outcome: Outcome) -> Saved:
        """Puts an answer into the draft and saves. Raises Refused, NotAccepted where it is not whole, and as save."""
        token.require("drafting.apply", self.apply_act(opened.project, outcome.action).target)
        if outcome.action.effect is Effect.TOOL:
            raise NotAccepted(f"{outcome.action.value} changes no draft: its answer is only shown.")
        if not outcome.whole:
            why = outcome.broken.message if outcome.broken else f"it ended with {outcome.finish_reason}"
            raise NotAccepted(f"The answer is not whole, so the draft stays as it was: {why}")
        draft = self.check_draft(applied(opened.project.draft, outcome))
        return await self.save(opened, replace(opened.project, draft=draft))

    @property
    def _journals(self) -> Path:
        return self._folder / "journal"

    async def statistics(self) -> Statistics:
        """What was done in figures. Raises StorageFailed."""
        history = await asyncio.to_thread(in_words, self._activity.read)
        library = (await self.load()).library
        return statistics(history, self._activity.session, self._started, self._now(), library, self.options)

    @property
    def transfers(self) -> Transfers:
        """What comes in and what leaves."""
        return Transfers(self)

    def now(self) -> datetime:
        """The clock (UTC)."""
        return self._now()

    async def summary(self) -> Summary:
        """Drafting in one line; asks the endpoint for its models, which costs nothing."""
        library = (await self.load()).library
        try:
            await self._client.models()
        except BackendError as error:
            return summary(library, error)
        return summary(library, None)


def _done(saved: Saved) -> Iterator[str]:
    """What was done to a project beside its draft, by the parts that a save changed."""
    if saved.before is None:
        yield "create"
    else:
        yield from (part for part in changed_parts(saved.before, saved.project) if part not in {"draft", "bay"})


def applied(draft: str, outcome: Outcome) -> str:
    """The draft with the answer in it."""
    if outcome.action.effect is Effect.APPEND:
        return draft + joint(draft, outcome.text) + outcome.text
    return outcome.text
