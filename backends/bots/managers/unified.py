"""The unified manager: routes each platform to its manager, watches what runs, lets requests wait for a place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backends.bots.managers import machine
from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import (
    BotEvent,
    BotRequest,
    BotState,
    EventKind,
    Handle,
    RunningBot,
    ServiceRefused,
    ServiceView,
)
from backends.bots.managers.platforms import BotManager, GenericBotManager, GoogleMeetBotManager
from backends.bots.managers.requests import Requests
from backends.bots.model import Status
from backends.clients.errors import BackendError, NotConfigured, NotThere
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.bots.cleaning import SessionCleanup
    from backends.safety.gate import Token

SPAWN: Final = "bots.request"
STOP: Final = "bots.stop"
RESTART: Final = "bots.restart"
EXTEND: Final = "bots.extend"

REMEMBERED: Final = timedelta(seconds=300)
"""How long a bot that has ended is remembered."""

Subscriber = Callable[[BotEvent], object]
_log = logging.getLogger(__name__)


class UnifiedBotManager:
    """Every platform's bots behind one interface. Its states are what the service said, checked step by step."""

    def __init__(self, api: ServiceApi, cleaning: Callable[[], SessionCleanup] | None = None) -> None:
        self._api = api
        self._cleaning = cleaning
        self._managers = (GoogleMeetBotManager(api), GenericBotManager(api))
        self._subscribers: list[Subscriber] = []
        self._requests = Requests(api, self.manager_of, self._started)
        self._told: dict[str, str] = {}
        self.states: dict[str, BotState] = {}

    @property
    def where(self) -> str:
        """The service, masked; what acts on it name as their target. Raises NotConfigured."""
        return self._api.where

    @property
    def configured(self) -> bool:
        """Whether there is a service to ask."""
        return self._api.configured

    @property
    def queue(self) -> tuple[Handle, ...]:
        """The requests that wait, the first first."""
        return self._requests.waiting

    def manager_of(self, platform: str) -> BotManager:
        """The platform's manager. Raises ServiceRefused for a platform that has none."""
        for manager in self._managers:
            if platform in manager.PLATFORMS:
                return manager
        raise ServiceRefused(f"There is no manager for {platform!r}.", hint="google_meet, zoom, teams or generic.")

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls it with each event from now on; what is returned ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def refresh(self) -> ServiceView:
        """Asks what runs, and brings the states up to date. Raises BackendError."""
        view = await self._api.active()
        for bot in view.bots:
            self._observe(bot.bot_id, bot.status, view.at)
        there = {bot.bot_id for bot in self._requests.taken(view)}
        for bot_id, state in list(self.states.items()):
            if bot_id not in there and state.holds_a_place:
                self._observe(bot_id, await self._end_of(bot_id, state), view.at)
        self._forget(view.at)
        return view

    async def request(self, token: Token, request: BotRequest, *, wait: bool = True) -> Handle:
        """Starts a bot, or lets the request wait for a place where wait is set, first come first served.

        Raises ServiceRefused, OutcomeUnknown, BackendError, and OverCapacity where it should not wait.
        """
        token.require(SPAWN, self.where)
        return await self._requests.request(token, request, wait=wait)

    async def stop(self, token: Token, bot_id: str, platform: str, expected: str, reason: str = "") -> str:
        """Ends a bot that is in the expected status; returns what the service said. Raises ServiceRefused."""
        token.require(STOP, self.where)
        return await self._orders(platform).terminate(token, bot_id, expected, reason or "stopped from the console")

    async def restart(self, token: Token, bot_id: str, platform: str, expected: str) -> str:
        """Starts another bot in this one's place; returns what the service said. Raises ServiceRefused."""
        token.require(RESTART, self.where)
        return await self._orders(platform).restart(token, bot_id, expected)

    async def extend(self, token: Token, bot_id: str, platform: str, seconds: int) -> str:
        """Lets a session run longer; returns what the service said. Raises ServiceRefused."""
        token.require(EXTEND, self.where)
        return await self._orders(platform).extend(token, bot_id, seconds)

    async def status(self, bot_id: str, platform: str) -> str:
        """The service's word for a bot's status. Raises NotThere, BackendError."""
        return await self._orders(platform).status(bot_id)

    @property
    def cleaning(self) -> SessionCleanup:
        """The clean-up of old sessions: planned, then carried out by a run. Raises NotConfigured."""
        if self._cleaning is None:
            raise NotConfigured("The bot sessions' database is not configured.", hint="Set ORCHESTRATION_DATABASE_URL.")
        return self._cleaning()

    def _orders(self, platform: str) -> BotManager:
        """The manager that an existing bot is told by; of a platform that nobody knows, the generic one."""
        known = (manager for manager in self._managers if platform in manager.PLATFORMS)
        return next(known, self._managers[-1])

    def _started(self, bot: RunningBot) -> None:
        self._observe(bot.bot_id, "pending", utc_now())

    async def _end_of(self, bot_id: str, state: BotState) -> str:
        """The service's word for a bot that it no longer lists; completed where it knows nothing of it any more."""
        try:
            return await self._api.status(bot_id)
        except NotThere:
            return Status.COMPLETED.value
        except BackendError:
            return state.status.value  # asked again with the next look

    def _observe(self, bot_id: str, word: str, now: datetime) -> None:
        before = self.states.get(bot_id)
        try:
            passed = machine.seen(before, word, now) if before else (machine.begun(word, now),)
        except BackendError as error:
            if self._told.get(bot_id) != word:  # once, and not with every look
                self._told[bot_id] = word
                was = before.status if before else None
                self._publish(BotEvent(EventKind.ERROR, bot_id, now, was, None, str(error)))
            return
        self._told.pop(bot_id, None)
        for after in passed:
            self.states[bot_id] = after
            event = machine.event_of(bot_id, before, after)
            before = after
            if event is not None:
                self._publish(event)

    def _publish(self, event: BotEvent) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(event)
            except Exception:
                _log.exception("a subscriber failed on %s of %s", event.kind.value, event.bot_id)

    def _forget(self, now: datetime) -> None:
        for bot_id, state in list(self.states.items()):
            if state.ended_at is not None and now - state.ended_at > REMEMBERED:
                del self.states[bot_id]
