"""The newest lines of a session, held and kept true: none lost, none doubled, whatever order they are stored in.

A line's time is when it was said, not when it was stored, so a line may turn up before the newest. Each reading renews
the last lines and counts those of the whole window; where the count differs, the window is read again.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from backends.bots.cursors import Cursor
from backends.bots.page import Line, Tail

if TYPE_CHECKING:
    from backends.bots.service import BotsService
    from backends.bots.unmasking import Sight

FIRST: Final = 50
"""Lines that are read at first."""

KEPT: Final = 300
"""Lines that are held after some were let go; older ones are a page away."""

MOST: Final = 450
"""Lines that are held at most. Old ones go many at a time, so that a table of them seldom moves."""

RENEWED: Final = 20
"""Last lines that every reading renews: their text and translations may still change."""

WHOLE_EVERY_S: Final = 10.0
"""Seconds between two readings of the whole window at least: a translation may come late."""


class LiveTail:
    """The tail of one session, for one screen."""

    def __init__(self, bots: BotsService, session_id: str) -> None:
        self._bots = bots
        self._session_id = session_id
        self._tail: Tail | None = None
        self._sight: Sight | None = None
        self._from_beginning = False
        self._whole_at = 0.0

    async def read(self, sight: Sight | None = None) -> Tail:
        """The newest lines, newest first; the very object of the last reading where nothing changed.

        sight: that of a person who may see personal data. Raises BackendError, and holds what it held then.
        """
        held = self._tail
        if held is None or sight is not self._sight or not _timed(held):
            found = await self._page(FIRST, sight)
        elif time.monotonic() >= self._whole_at:
            found = await self._window(held, sight)
        else:
            found = await self._renewed(held, sight)
        self._sight = sight
        if found != held:
            self._tail = found
        return self._tail or found

    async def _page(self, limit: int, sight: Sight | None) -> Tail:
        """The newest lines; those without a time stand before all others, and come where there is room."""
        found = await self._bots.tail(self._session_id, limit, sight=sight)
        self._from_beginning = found.next is None
        return self._cut(found)

    async def _renewed(self, held: Tail, sight: Sight | None) -> Tail:
        timed = _timed(held)
        since = timed[: RENEWED + 1][-1]
        lines, count = await self._bots.lines_since(
            self._session_id, _place(since), self._anchor(held), MOST, sight=sight
        )
        merged = (*lines, *timed[RENEWED + 1 :])
        if len(merged) != count:
            return await self._window(held, sight)
        return self._cut(replace(held, lines=(*merged, *held.lines[len(timed) :])))

    async def _window(self, held: Tail, sight: Sight | None) -> Tail:
        self._whole_at = time.monotonic() + WHOLE_EVERY_S
        anchor = self._anchor(held)
        if anchor is None:
            return await self._page(MOST, sight)
        lines, _ = await self._bots.lines_since(self._session_id, anchor, anchor, MOST, sight=sight)
        return self._cut(replace(held, lines=lines))

    def _anchor(self, held: Tail) -> Cursor | None:
        """Where the window begins; None where that is the session's beginning."""
        return None if self._from_beginning or len(_timed(held)) < len(held.lines) else _place(held.lines[-1])

    def _cut(self, tail: Tail) -> Tail:
        """Lets old lines go where there are many, and says how to go on to them."""
        if len(tail.lines) >= MOST:
            self._from_beginning = False
            kept = tail.lines[:KEPT]
            return replace(tail, lines=kept, next=str(_place(kept[-1])))
        if self._from_beginning or not tail.lines:
            return tail
        return replace(tail, next=str(_place(tail.lines[-1])))


def _timed(tail: Tail) -> tuple[Line, ...]:
    """The lines that have a time, which come first."""
    return tuple(line for line in tail.lines if line.at is not None)


def _place(line: Line) -> Cursor:
    return Cursor(line.at, line.transcript_id)
