"""Runs the full-screen console: logs, signals, and an end that always gives the terminal back."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from backends.clients.imports import keep_for_good
from backends.safety.logs import log_options, start_logging
from backends.safety.reports import write_report
from console.app import ConsoleApp
from console.cli.exit_codes import ExitCode
from console.screen_factories import screen_factories
from console.wiring import Services

if TYPE_CHECKING:
    from console.settings import Settings

_M_ARENA_MAX: Final = -8
"""glibc's name for the number of heaps (malloc.h)."""

CLOSING_S: Final = 0.1
"""Seconds that closing the clients may take when a person leaves; the servers see the sockets end anyway."""


def run_console(settings: Settings) -> NoReturn:
    """Opens the console; the process ends with it, with its exit code.

    It ends at once, from inside the loop: closing that would wait for every thread, and a driver's may still be waiting
    for a frozen server.
    """
    _use_few_arenas()
    keep_for_good()
    start_logging(settings.own.state, log_options(settings.environment))
    asyncio.run(_run(settings))
    raise AssertionError("the console's loop ends the process")


async def _run(settings: Settings) -> NoReturn:
    services = Services(settings)
    app = ConsoleApp(settings, services, screen_factories(services))
    _end_on_signals(app)
    await app.run_async(mouse=False)
    if app.leaving is not None:
        await app.leaving
    try:
        async with asyncio.timeout(CLOSING_S):
            await services.aclose()
    except TimeoutError:
        pass
    code = _exit_code(app, settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _exit_code(app: ConsoleApp, settings: Settings) -> int:
    """What the application ended with; a crash leaves a report and says where."""
    if app.crash is not None:
        path = write_report(settings.own.state, app.crash, "running the console")
        print(f"olorin: unexpected failure; the report is in {path}", file=sys.stderr)  # noqa: T201
        return ExitCode.INTERNAL
    return app.return_value if app.return_value is not None else ExitCode.OK


def _use_few_arenas() -> None:
    """Keeps glibc from giving each of the drivers' threads a heap of its own, which never shrinks again."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _end_on_signals(app: ConsoleApp) -> None:
    """SIGTERM and SIGHUP end the console as `q` does, since Textual by itself would leave the terminal as it is."""
    loop = asyncio.get_running_loop()
    leaving: list[asyncio.Task[None]] = []

    def end(number: int) -> None:
        leaving.append(loop.create_task(_leave(app, 128 + number)))

    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)


async def _leave(app: ConsoleApp, code: int) -> None:
    await app.leave()
    app.exit(code)
