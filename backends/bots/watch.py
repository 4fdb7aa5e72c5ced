"""The sessions that the list shows, kept up to date: all of them now and then, changed ones in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from backends.bots.model import Sessions

if TYPE_CHECKING:
    from backends.bots.feed import Feed
    from backends.bots.service import BotsService

WHOLE_EVERY_S: Final = 10.0
"""Seconds between two readings of everything while the database tells of changes: ages and limits move unasked."""

MANY: Final = 1_000
"""Changed sessions from which reading everything is no more work."""


class Watch:
    """Reads for one screen. Without notifications each reading is whole, which is polling."""

    def __init__(self, bots: BotsService, feed: Feed) -> None:
        self._bots = bots
        self._feed = feed
        self._held: Sessions | None = None
        self._whole_at = 0.0

    async def read(self) -> Sessions:
        """The sessions now; the very object of the last reading where nothing changed. Raises BackendError."""
        changes = self._feed.take()
        held, self._held = self._held, None  # what was taken and could not be read must not be forgotten
        if held is None or self._is_due() or changes.all_ or len(changes.ids) > MANY:
            held = await self._bots.watch()
            self._whole_at = time.monotonic() + WHOLE_EVERY_S
        elif changes.ids:
            held = await self._bots.renewed(held, changes.ids)
        else:
            await self._bots.answers()  # that nothing was told proves nothing where nobody is there to tell
        self._held = held
        return held

    def _is_due(self) -> bool:
        return not self._feed.state.listening or time.monotonic() >= self._whole_at
