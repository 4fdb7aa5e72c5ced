"""Keeps a failure where it happened: an error panel replaces the screen that failed, and everything else lives on."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from textual._context import active_message_pump
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed, active_worker

if TYPE_CHECKING:
    from textual.dom import DOMNode

_log = logging.getLogger(__name__)

FAILURES_AT_ONCE: Final = 5
"""So many failures within FAILURE_WINDOW seconds are not one screen's trouble: the console ends, with a report."""

FAILURE_WINDOW: Final = 10.0


class Contained(App[int]):
    """An application in which an exception of a screen or widget ends that screen only.

    Textual gives every uncaught exception to `_handle_exception`, which would end the application.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failures: deque[float] = deque(maxlen=FAILURES_AT_ONCE)
        self.crash: Exception | None = None
        self.leaving: asyncio.Task[None] | None = None

    async def contain(self, error: Exception, screen: Screen[Any] | None) -> None:
        """Shows the failure: in the place of the screen, or beside everything where no screen is to blame."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Lets what is open save what it has."""
        raise NotImplementedError

    def _handle_exception(self, error: Exception) -> None:
        if self._exit:
            _log.warning("it failed while leaving", exc_info=error)
            return
        worker = active_worker.get(None) if isinstance(error, WorkerFailed) else None
        screen = failed_screen(worker.node if worker else active_message_pump.get(None))
        if screen is None or self._too_many():
            self._end(error)
            return
        cause = error.error if isinstance(error, WorkerFailed) else error
        self.call_later(self.contain, cause if isinstance(cause, Exception) else error, screen)

    def refresh_css(self, animate: bool = True) -> None:
        """Restyles; a screen that can't be drawn any more doesn't keep the one that replaces it from coming."""
        try:
            super().refresh_css(animate)
        except Exception:
            _log.exception("a screen could not be drawn while restyling")

    async def _dispatch_action(self, namespace: DOMNode, action_name: str, params: Any) -> bool:
        """Actions run in the application's own loop: what one raises belongs to its widget's screen."""
        try:
            return await super()._dispatch_action(namespace, action_name, params)
        except Exception as error:
            if self._too_many():
                raise
            await self.contain(error, failed_screen(namespace))
            return True

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._failures.append(now)
        return len(self._failures) == FAILURES_AT_ONCE and now - self._failures[0] < FAILURE_WINDOW

    def _end(self, error: Exception) -> None:
        """Ends the application; whoever runs it writes the report."""
        if self.crash is None:
            self.crash = error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 70
        self.leaving = asyncio.create_task(self.leave())
        self._close_messages_no_wait()


def failed_screen(pump: object) -> Screen[Any] | None:
    """The screen to which the failing widget or screen belongs; None where it is the application's own failure."""
    if not isinstance(pump, Widget):
        return None
    return next((node for node in pump.ancestors_with_self if isinstance(node, Screen)), None)
