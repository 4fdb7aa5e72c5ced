"""Keeps a failure where it happened: an error panel replaces the screen that failed, and everything else lives on."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from textual._context import active_message_pump
from textual.app import App
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

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

    async def replace_screen(self, screen: Screen[Any], error: Exception) -> None:
        """Puts an error panel in the place of the screen."""
        raise NotImplementedError

    def _handle_exception(self, error: Exception) -> None:
        screen = failed_screen(active_message_pump.get(None))
        if screen is None or self._too_many():
            self._end(error)
            return
        cause = error.error if isinstance(error, WorkerFailed) else error
        self.call_later(self.replace_screen, screen, cause if isinstance(cause, Exception) else error)

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._failures.append(now)
        return len(self._failures) == FAILURES_AT_ONCE and now - self._failures[0] < FAILURE_WINDOW

    def _end(self, error: Exception) -> None:
        """Ends the application; whoever runs it writes the report and restores nothing but the terminal."""
        if self.crash is None:
            self.crash = error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 70
        self._close_messages_no_wait()


def failed_screen(pump: MessagePump | None) -> Screen[Any] | None:
    """The screen to which the failing widget, timer or screen belongs; None where it is the application's own."""
    if isinstance(pump, Screen):
        return pump
    if isinstance(pump, Widget):
        return next((node for node in pump.ancestors_with_self if isinstance(node, Screen)), None)
    return None
