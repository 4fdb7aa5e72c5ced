"""Requests for bots: each is sent once; where every place is taken it waits, first come first served."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import BotRequest, Handle, OverCapacity, Place, RunningBot, ServiceView
from backends.bots.managers.places import Places
from backends.bots.managers.platforms import BotManager
from backends.clients.errors import BackendError, OutcomeUnknown
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.safety.gate import Token

QUEUE_S: Final = 2.0
"""Seconds between two looks for free places, while anybody waits for one."""

_log = logging.getLogger(__name__)


class Requests:
    """manager_of names a platform's manager, started is told of each bot that was started."""

    def __init__(
        self, api: ServiceApi, manager_of: Callable[[str], BotManager], started: Callable[[RunningBot], object]
    ) -> None:
        self._api = api
        self._manager_of = manager_of
        self._started = started
        self._queue: list[tuple[Handle, Token]] = []
        self._serving: asyncio.Task[None] | None = None
        self._places = Places()
        # Two who look for a free place at once would both find the same one.
        self._turn = asyncio.Lock()

    @property
    def waiting(self) -> tuple[Handle, ...]:
        """The requests that wait, the first first."""
        return tuple(handle for handle, _ in self._queue if handle.place is Place.QUEUED)

    def taken(self, view: ServiceView) -> list[RunningBot]:
        """Whoever holds a place: the service tells of some only after a while."""
        return self._places.taken(view)

    async def request(self, token: Token, request: BotRequest, *, wait: bool) -> Handle:
        """As `UnifiedBotManager.request`."""
        handle = Handle(secrets.token_hex(4), request)
        manager = self._manager_of(request.platform)
        try:
            if any(waiting.request.platform in manager.PLATFORMS for waiting in self.waiting):
                raise OverCapacity("Others wait for a place already.", where=self._api.where)
            async with self._turn:
                self._give_place(handle, await self._api.active())
            await self._start(handle, token)
        except OverCapacity:
            if not wait:
                raise
            self._let_wait(handle, token)
        if handle.error is not None:
            raise handle.error
        return handle

    def _give_place(self, handle: Handle, view: ServiceView) -> None:
        """Keeps a place for a request that is to be sent at once. Raises OverCapacity, ServiceRefused."""
        self._manager_of(handle.request.platform).check(handle.request, self._places.taken(view))
        handle.start()
        self._places.hold(handle)

    async def _start(self, handle: Handle, token: Token) -> None:
        """Asks for the bot, once, and settles the handle. Raises OverCapacity where there is no place after all."""
        try:
            bot = await self._manager_of(handle.request.platform).spawn(token, handle.request)
        except OverCapacity:
            self._places.free(handle)
            handle.put_back()
            raise
        except BackendError as error:
            if isinstance(error, OutcomeUnknown):
                self._places.came(handle, None, utc_now())
            else:
                self._places.free(handle)
            handle.settle(Place.FAILED, error=error)
        except BaseException:
            self._places.came(handle, None, utc_now())
            unknown = OutcomeUnknown("Its answer was not waited for.", where=self._api.where)
            handle.settle(Place.FAILED, error=unknown)
            raise
        else:
            self._places.came(handle, bot, utc_now())
            token.outcome(bot_id=bot.bot_id)
            self._started(bot)
            handle.settle(Place.STARTED, bot)

    def _let_wait(self, handle: Handle, token: Token) -> None:
        self._queue.append((handle, token))
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve_queue())
            self._serving.add_done_callback(lambda task: task.cancelled() or task.result())  # raises: the loop logs it

    async def _serve_queue(self) -> None:
        """While anybody waits. A start has all the time that it needs, whoever looks meanwhile."""
        while self.waiting:
            await asyncio.sleep(QUEUE_S)
            try:
                await self._serve_those()
            except BackendError as error:
                _log.warning("nobody of the queue was served: %s: %s", error.kind, error.message)
            self._queue = [entry for entry in self._queue if entry[0].place is Place.QUEUED]

    async def _serve_those(self) -> None:
        """Everybody for whom there is a place, the first come first; a full platform keeps no other waiting."""
        async with self._turn:
            view = await self._api.active()
            queue = [entry for entry in self._queue if entry[0].place is Place.QUEUED]
            placed = [entry for entry in queue if self._is_placed(*entry, view)]
        for ended in await asyncio.gather(*(self._start(*entry) for entry in placed), return_exceptions=True):
            if ended is not None and not isinstance(ended, OverCapacity):
                raise ended

    def _is_placed(self, handle: Handle, token: Token, view: ServiceView) -> bool:
        try:
            token.require_target(self._api.where)
            self._give_place(handle, view)
        except OverCapacity:
            return False
        except BackendError as error:
            handle.settle(Place.FAILED, error=error)
            return False
        return True
