"""Who holds a place for a bot: whom the service tells of, and who is on the way or too new to be told of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from backends.bots.managers.model import Handle, RunningBot, ServiceView

FRESH: Final = timedelta(seconds=60)
"""How long a bot that was asked for counts without being told of: as long as a start may take."""


class Places:
    """Requests that were sent, until the service tells of their bots."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[RunningBot, datetime | None]] = {}

    def taken(self, view: ServiceView) -> list[RunningBot]:
        """Whoever holds a place."""
        told = {bot.bot_id for bot in view.bots}
        self._held = {
            id_: (bot, since)
            for id_, (bot, since) in self._held.items()
            if bot.bot_id not in told and (since is None or view.at - since <= FRESH)
        }
        return [*view.bots, *(bot for bot, _ in self._held.values())]

    def hold(self, handle: Handle) -> None:
        """Keeps a place for a request that is sent now, until `came` or `free`."""
        request = handle.request
        self._held[handle.id] = RunningBot("", "", request.meeting_id, request.platform, "pending", None), None

    def came(self, handle: Handle, bot: RunningBot | None, now: datetime) -> None:
        """The bot was started; None where no answer says whether it was."""
        self._held[handle.id] = bot or self._held[handle.id][0], now

    def free(self, handle: Handle) -> None:
        """Nothing came of the request."""
        self._held.pop(handle.id, None)
