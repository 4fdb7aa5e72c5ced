"""How an answer streams into an editor: the first chunk at once, those that follow gathered for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from backends.drafting.rules import joint
from widgets.editor import Editor

GATHER_S: Final = 0.2
"""Seconds for which chunks are gathered: five times a second is live enough for any reader, and cheap over SSH."""

SHARE: Final = 5
"""A long draft takes long to wrap: so many times as long as that took, keys have the time to themselves."""


Later = Callable[[float, Callable[[], None]], object]
"""Makes a call after so many seconds."""


class Feed:
    """Appends an answer to the editor. joining: with what a draft needs between; room: characters shown at most, whose
    beginning stays in view.

    said is all that came.
    """

    def __init__(self, editor: Editor, later: Later, *, joining: bool, room: int | None = None) -> None:
        self._editor = editor
        self._later = later
        self._joining = joining
        self._room = room
        self._said: list[str] = []
        self._waiting: list[str] = []
        self._begun = False
        self._timer = False
        self._free_at = 0.0

    @property
    def said(self) -> str:
        """All that came."""
        return "".join(self._said)

    def take(self, text: str) -> None:
        """Takes a chunk."""
        self._said.append(text)
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
        if self._room is not None:
            text, self._room = text[: self._room], max(self._room - len(text), 0)
        if not text:
            return
        if self._joining and not self._begun:
            self._begun = True
            text = joint(self._editor.tail(2), text) + text
        started = time.monotonic()
        self._editor.append(text)
        took = time.monotonic() - started
        if self._room is not None:
            self._editor.move_cursor((0, 0))
        self._free_at = started + took + max(GATHER_S, SHARE * took)
