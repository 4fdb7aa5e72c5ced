"""The managers: one for generic, Zoom and Teams bots, one for Google Meet, both over the same service."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import BotRequest, Limits, OverCapacity, RunningBot, ServiceRefused
from backends.safety.gate import Token


class BotManager:
    """Bots of some platforms. A subclass names its platforms and limits, and may check requests further."""

    PLATFORMS: ClassVar[frozenset[str]]
    LIMITS: ClassVar[Limits]

    def __init__(self, api: ServiceApi) -> None:
        self._api = api

    def mine(self, bots: Collection[RunningBot]) -> list[RunningBot]:
        """Those of the bots that are of its platforms."""
        return [bot for bot in bots if bot.platform in self.PLATFORMS]

    def check(self, request: BotRequest, running: Collection[RunningBot]) -> None:
        """Raises OverCapacity where every place is taken, ServiceRefused where the request can't be carried out."""
        mine = self.mine(running)
        if self.LIMITS.one_a_meeting and any(bot.meeting_id == request.meeting_id for bot in mine):
            raise ServiceRefused(f"A bot is in {request.meeting_id} already.", where=self._api.where)
        if len(mine) >= self.LIMITS.capacity:
            raise OverCapacity(f"{len(mine)} of {self.LIMITS.capacity} places are taken.", where=self._api.where)

    async def spawn(self, token: Token, request: BotRequest) -> RunningBot:
        """Asks for a bot. Raises OverCapacity, ServiceRefused, BackendError."""
        return await self._api.spawn(token, request)

    async def status(self, bot_id: str) -> str:
        """The service's word for a bot's status."""
        return await self._api.status(bot_id)

    async def terminate(self, token: Token, bot_id: str, expected: str, reason: str) -> str:
        """Asks to end a bot that is in the expected status; returns what the service said."""
        return await self._api.terminate(token, bot_id, expected, reason)

    async def restart(self, token: Token, bot_id: str, expected: str) -> str:
        """Asks to start another bot in its place; returns what the service said."""
        return await self._api.restart(token, bot_id, expected)

    async def extend(self, token: Token, bot_id: str, seconds: int) -> str:
        """Asks to let its session run longer; returns what the service said."""
        return await self._api.extend(token, bot_id, seconds)


class GenericBotManager(BotManager):
    """Generic, Zoom and Teams bots."""

    PLATFORMS = frozenset({"generic", "zoom", "teams"})
    LIMITS = Limits(10, one_a_meeting=False)


class GoogleMeetBotManager(BotManager):
    """Google Meet bots: one a meeting."""

    PLATFORMS = frozenset({"google_meet"})
    LIMITS = Limits(10, one_a_meeting=True)
