"""How the model writes into the editor: the first chunk at once, those that follow gathered for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

from backends.drafting.answer import Chunk, Event, Outcome, Waiting
from backends.drafting.model import Action, Project
from backends.drafting.rules import joint
from backends.drafting.service import DraftingService
from screens.drafting_lines import AnswerUnderWay
from widgets.editor import Editor

GATHER_S: Final = 0.2
"""Seconds for which chunks are gathered: five times a second is live enough for any reader, and cheap over SSH."""

SHARE: Final = 5
"""A long draft takes long to wrap: so many times as long as that took, keys have the time to themselves."""


Later = Callable[[float, Callable[[], None]], object]
"""Makes a call after so many seconds."""


class Writer:
    """Lets the model write at the draft's end. now is the clock (UTC), changed is called when there is news."""

    def __init__(
        self,
        service: DraftingService,
        editor: Editor,
        later: Later,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        self.under_way: AnswerUnderWay | None = None
        self.last: Outcome | None = None
        self._service = service
        self._editor = editor
        self._later = later
        self._now = now
        self._changed = changed

    async def write(self, project: Project) -> None:
        """Puts one answer at the draft's end; what came stays there however it ends. Raises BackendError."""
        feed = Feed(self._editor, self._later)
        self.last = None
        self.under_way = AnswerUnderWay(self._now())
        self._changed()
        try:
            async with aclosing(self._service.answer(project, Action.WRITE)) as events:
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


class Feed:
    """Appends an answer to the editor."""

    def __init__(self, editor: Editor, later: Later) -> None:
        self._editor = editor
        self._later = later
        self._waiting: list[str] = []
        self._begun = False
        self._timer = False
        self._free_at = 0.0

    def take(self, text: str) -> None:
        """Takes a chunk."""
        self._waiting.append(text)
        pause = self._free_at - time.monotonic()
        if pause <= 0:
            self.flush()
        elif not self._timer:
            self._timer = True
            self._later(pause, self.flush)

    def flush(self) -> None:
        """Puts what waits into the editor now."""
        self._timer = False
        text = "".join(self._waiting)
        self._waiting.clear()
        if not text:
            return
        if not self._begun:
            self._begun = True
            text = joint(self._editor.tail(2), text) + text
        started = time.monotonic()
        self._editor.append(text)
        took = time.monotonic() - started
        self._free_at = started + took + max(GATHER_S, SHARE * took)
