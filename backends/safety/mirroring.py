"""Keeping an act's audit entries beside what it changes, while it is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError

if TYPE_CHECKING:
    from backends.safety.audit import AuditMirror, Entry
    from backends.safety.gate import Act, Token

MIRROR_S: Final = 5.0
"""Seconds that a database has to take an entry, where the act does not depend on it."""

Mirrors = Callable[["Act"], Sequence["AuditMirror"]]
"""The databases that an act changes, as places for its entries."""

_log = logging.getLogger(__name__)


def nowhere(_: Act) -> Sequence[AuditMirror]:
    """No act has a place beside what it changes."""
    return ()


class Mirroring:
    """One act's. required: the act may not begin without; others: written to as far as they can be, beside the act.

    An order for several databases must not wait for the one that is away.
    """

    def __init__(self, required: AuditMirror | None, others: Sequence[AuditMirror]) -> None:
        self._required, self._others = required, others
        self._intent: asyncio.Task[None] | None = None
        self._entries: list[Entry] = []

    async def intent(self, token: Token, entry: Entry) -> None:
        """Raises BackendError where a required one can't be written to."""
        if self._required is not None:
            await self._required.write(token, entry)
        if self._others:
            self._entries.append(entry)
            self._intent = asyncio.create_task(self._beside(token))

    async def outcome(self, token: Token, entry: Entry) -> None:
        """Raises BackendError where a required one can't be written to."""
        if self._required is not None:
            await self._required.write(token, entry)
        if self._intent is not None:
            await self._intent
            # The intent too: its place may have been busy with the act itself.
            self._entries.append(entry)
            await self._beside(token)

    async def _beside(self, token: Token) -> None:
        await asyncio.gather(*(self._try(mirror, token) for mirror in self._others))

    async def _try(self, mirror: AuditMirror, token: Token) -> None:
        entries = tuple(self._entries)
        try:
            async with asyncio.timeout(MIRROR_S):
                for entry in entries:
                    await mirror.write(token, entry)
        except (BackendError, TimeoutError) as error:
            said = error.message if isinstance(error, BackendError) else f"no answer within {MIRROR_S:g} s"
            _log.warning("lines of %s may not be beside what it changed: %s", token.act.name, said)
