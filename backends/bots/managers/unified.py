"""The unified manager: routes each platform to its manager, watches what runs, lets requests wait for a place."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
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
    OverCapacity,
    Place,
    RunningBot,
    ServiceRefused,
    ServiceView,
)
from backends.bots.managers.platforms import BotManager, GenericBotManager, GoogleMeetBotManager
from backends.clients.errors import BackendError, NotConfigured
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.bots.repository import BotSessionRepository, Cleaned
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

    def __init__(self, api: ServiceApi, repository: Callable[[], BotSessionRepository] | None = None) -> None:
        self._api = api
        self._repository = repository
        self._managers = (GoogleMeetBotManager(api), GenericBotManager(api))
        self._subscribers: list[Subscriber] = []
        self._queue: list[tuple[Handle, Token]] = []
        self._told: dict[str, str] = {}
        # Two looks at once would give one free place to the same request twice.
        self._turn = asyncio.Lock()
        self.states: dict[str, BotState] = {}
        self.view: ServiceView | None = None

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
        return tuple(handle for handle, _ in self._queue if handle.place is Place.QUEUED)

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
        """Asks what runs, brings the states up to date, gives free places to those who wait. Raises BackendError."""
        async with self._turn:
            view = await self._api.active()
            self.view = view
            for bot in view.bots:
                self._observe(bot.bot_id, bot.status, view.at)
            running = {bot.bot_id for bot in view.bots}
            for bot_id, state in list(self.states.items()):
                if bot_id not in running and state.holds_a_place:
                    self._observe(bot_id, "completed", view.at)
            self._forget(view.at)
            await self._serve_queue(view)
        return view

    async def request(self, token: Token, request: BotRequest, *, wait: bool = True) -> Handle:
        """Starts a bot, or lets the request wait for a place where wait is set; `refresh` serves those who wait.

        Raises ServiceRefused, BackendError, and OverCapacity where it should not wait.
        """
        token.require(SPAWN, self.where)
        handle = Handle(secrets.token_hex(4), request)
        manager = self.manager_of(request.platform)
        async with self._turn:
            view = await self._api.active()
            try:
                if any(waiting.request.platform in manager.PLATFORMS for waiting in self.queue):
                    raise OverCapacity("Others wait for a place already.", where=self.where)
                manager.check(request, view.bots)
                handle.settle(Place.STARTED, await self._spawn(manager, token, request))
            except OverCapacity:
                if not wait:
                    raise
                self._queue.append((handle, token))
        return handle

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

    async def clean_up(self, token: Token, before: datetime) -> AsyncIterator[Cleaned]:
        """Deletes what ended before that, batch by batch, from the bots' database."""
        if self._repository is None:
            raise NotConfigured("The bot sessions' database is not configured.", hint="Set ORCHESTRATION_DATABASE_URL.")
        async for cleaned in self._repository().session_cleanup_old(token, before):
            yield cleaned

    def _orders(self, platform: str) -> BotManager:
        """The manager that an existing bot is told by; of a platform that nobody knows, the generic one."""
        known = (manager for manager in self._managers if platform in manager.PLATFORMS)
        return next(known, self._managers[-1])

    async def _spawn(self, manager: BotManager, token: Token, request: BotRequest) -> RunningBot:
        bot = await manager.spawn(token, request)
        token.outcome(bot_id=bot.bot_id)
        self._observe(bot.bot_id, "pending", utc_now())
        return bot

    async def _serve_queue(self, view: ServiceView) -> None:
        """The first come first, each with the token that it was asked with; a full platform keeps no other waiting."""
        running, full = list(view.bots), set[BotManager]()
        for handle, token in [entry for entry in self._queue if entry[0].place is Place.QUEUED]:
            manager = self.manager_of(handle.request.platform)
            if manager in full:
                continue
            try:
                token.require(SPAWN, self.where)
                manager.check(handle.request, running)
                bot = await self._spawn(manager, token, handle.request)
            except OverCapacity:
                full.add(manager)
            except BackendError as error:
                handle.settle(Place.FAILED, error=error)
            else:
                running.append(bot)
                handle.settle(Place.STARTED, bot)
        self._queue = [entry for entry in self._queue if entry[0].place is Place.QUEUED]

    def _observe(self, bot_id: str, word: str, now: datetime) -> None:
        before = self.states.get(bot_id)
        try:
            after = machine.advanced(before, word, now) if before else machine.begun(word, now)
        except BackendError as error:
            if self._told.get(bot_id) != word:  # once, and not with every look
                self._told[bot_id] = word
                was = before.status if before else None
                self._publish(BotEvent(EventKind.ERROR, bot_id, now, was, None, str(error)))
            return
        self._told.pop(bot_id, None)
        self.states[bot_id] = after
        event = machine.event_of(bot_id, before, after)
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
