"""The partner at the desk: one question to the model at a time, its answer where it belongs, and undoing it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from backends.drafting.answer import Chunk, Event, Outcome, Waiting
from backends.drafting.brief import Brief
from backends.drafting.limits import TOOL_LIMIT
from backends.drafting.model import Action, Effect, Project
from backends.drafting.service import DraftingService
from screens.drafting_lines import AnswerUnderWay
from screens.drafting_writer import Feed, Later
from widgets.editor import Editor

UNDONE: Final = 20
"""Actions of a project that can be undone."""


@dataclass(frozen=True, slots=True)
class Step:
    """An action that can be undone or done again: its name, the draft that it left behind, and all of the project
    where it changed more than that."""

    name: str
    draft: str
    project: Project | None = None


class Undo:
    """What there was before each action, by project; what is undone can be brought back, so that no word is lost."""

    def __init__(self) -> None:
        self._back: dict[UUID, list[Step]] = {}
        self._forth: dict[UUID, list[Step]] = {}

    def note(self, project_id: UUID, name: str, before: str, after: str) -> None:
        """An action changed the draft."""
        if before != after:
            self._keep(project_id, Step(name, before))

    def note_all(self, name: str, before: Project) -> None:
        """An action changed the project, its draft and whatever else."""
        self._keep(before.id, Step(name, before.draft, before))

    def back(self, now: Project) -> Step | None:
        """The action to undo, with what to go back to; `now` can be brought back then."""
        return self._move(self._back, self._forth, now)

    def forth(self, now: Project) -> Step | None:
        """What was undone last, with what to bring back."""
        return self._move(self._forth, self._back, now)

    def _keep(self, project_id: UUID, step: Step) -> None:
        self._back[project_id] = [*self._back.get(project_id, []), step][-UNDONE:]
        self._forth.pop(project_id, None)

    def _move(self, source: dict[UUID, list[Step]], target: dict[UUID, list[Step]], now: Project) -> Step | None:
        if not source.get(now.id):
            return None
        step = source[now.id].pop()
        target.setdefault(now.id, []).append(Step(step.name, now.draft, now if step.project else None))
        return step


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, on what, and what came in all."""

    project: Project
    action: Action
    text: str = ""


class Partner:
    """Asks the model. A write streams into the draft, everything else into the tool pane beside it.

    last is how the last answer ended; proposal a whole text that waits to take the draft's place; broken one that
    broke off and can be gone on with.
    """

    def __init__(
        self,
        service: DraftingService,
        draft: Editor,
        tool: Editor,
        later: Later,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self.under_way: AnswerUnderWay | None = None
        self.last: Outcome | None = None
        self.proposal: Asked | None = None
        self.broken: Asked | None = None
        self.undo = Undo()
        self._service = service
        self._draft = draft
        self._tool = tool
        self._later = later
        self._now = now
        self._changed = changed

    def forget(self) -> None:
        """Another project is on the desk: nothing of the last one's answers stays."""
        self.last = self.proposal = self.broken = None
        self.hide_tool()

    def hide_tool(self) -> bool:
        """Closes the tool pane; whether it was open."""
        was_open = bool(self._tool.display)
        self._tool.display = False
        return was_open

    async def ask(self, project: Project, brief: Brief, *, anew: bool = False) -> None:
        """Sends the brief; what came stays where it is however it ends. anew: whatever was answered before.

        Raises BackendError.
        """
        asked = self.broken if brief.so_far and self.broken is not None else Asked(project, brief.action)
        self.last = self.proposal = self.broken = None
        events = self._service.send(project, brief, cached=not anew)
        if brief.action.effect is Effect.APPEND and not brief.so_far:
            await self._write(project, events)
            return
        self._tool.show(asked.text)
        self._tool.display = True
        await self._beside(asked, events)

    def resume(self, asked: Asked) -> None:
        """Shows beside the draft what a dead process had of an answer, to be gone on with; the draft stays."""
        self.last = self.proposal = None
        self.broken = asked
        self._tool.show(asked.text)
        self._tool.display = True

    async def _write(self, project: Project, events: AsyncGenerator[Event, None]) -> None:
        before = self._draft.text
        try:
            await self._stream(events, Feed(self._draft, self._later, joining=True))
        finally:
            self.undo.note(project.id, Action.WRITE.value, before, self._draft.text)

    async def _beside(self, asked: Asked, events: AsyncGenerator[Event, None]) -> None:
        feed = Feed(self._tool, self._later, joining=False, room=TOOL_LIMIT if _is_tool(asked.action) else None)
        try:
            await self._stream(events, feed)
        finally:
            self._keep(replace(asked, text=asked.text + feed.said))

    def _keep(self, asked: Asked) -> None:
        if self.last is not None and self.last.whole:
            self.proposal = None if _is_tool(asked.action) else asked
        elif asked.text:
            self.broken = asked

    async def _stream(self, events: AsyncGenerator[Event, None], feed: Feed) -> None:
        self.under_way = AnswerUnderWay(self._now())
        self._changed()
        try:
            async with aclosing(events):
                async for event in events:
                    self._happened(event, feed, self.under_way)
        finally:
            feed.flush()
            self.under_way = None

    def _happened(self, event: Event, feed: Feed, under_way: AnswerUnderWay) -> None:
        if isinstance(event, Waiting):
            self.under_way = under_way.paused(event, self._now())
            self._changed()
        elif isinstance(event, Chunk):
            feed.take(event.text)
            self.under_way = under_way.grown(len(event.text))
        else:
            self.last = event


def _is_tool(action: Action) -> bool:
    return action.effect is Effect.TOOL
