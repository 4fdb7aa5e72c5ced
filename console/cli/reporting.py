"""What every reporting command shares: its options, its services, and two streams.

stdout carries data only (JSON, or the same as text); all that is said to a person goes to stderr.
"""

from __future__ import annotations

import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from backends.clients.errors import StoppedByPerson
from backends.clients.targets import WATCHING, PoolLimits
from backends.safety.files import why_unwritable
from backends.safety.text import display_text
from backends.sampling.jsonable import to_json

if TYPE_CHECKING:
    from console.settings import Settings
    from console.wiring import Services

P = ParamSpec("P")
T = TypeVar("T")


def env_file_option(command: Callable[P, T]) -> Callable[P, T]:
    """Adds `--env-file`, which may stand before or after the command's name."""
    option = click.option(
        "--env-file", type=click.Path(path_type=Path), default=None, help="Dotenv file; the process environment wins."
    )
    return option(command)


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Adds `--env-file` and `--json`; the command receives `env_file` and `as_json`."""

    @functools.wraps(command)
    def wrapped(*args: Any, env_file: Path | None, **kwargs: Any) -> None:
        command(*args, env_file=env_file or click.get_current_context().obj, **kwargs)

    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, and only JSON, to stdout.")
    return env_file_option(as_json(wrapped))


def with_services(settings: Settings, call: Callable[[Services], Awaitable[T]], limits: PoolLimits = WATCHING) -> T:
    """Runs the call with services on the settings, and closes them afterwards. Raises BackendError.

    SIGTERM ends it with StoppedByPerson.
    """
    from backends.safety.logs import log_options, start_logging
    from console.wiring import Services

    start_logging(settings.own.state, log_options(settings.environment))
    if reason := why_unwritable(settings.own.state):
        say(f"olorin: nothing can be kept in {display_text(settings.own.state)} ({reason}): no log, no history.")

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        # Until a run takes the signal for itself: what was begun is given back, as with SIGINT.
        with suppress(RuntimeError):  # signals come to the main thread alone
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with Services(settings, limits) as services:
            return await call(services)

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise StoppedByPerson("Stopped by SIGTERM.") from None


def emit(value: object, as_json: bool, lines: Callable[[], list[str]]) -> None:
    """Prints the value as one line of JSON, or the lines that say the same to a person."""
    click.echo(to_json(value) if as_json else "\n".join(lines()))


def say(text: str) -> None:
    """Tells the person something, on stderr."""
    click.echo(text, err=True)


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned text, two spaces between columns.

    >>> columns([("a", "bb"), ("ccc", "d")])
    ['a    bb', 'ccc  d']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
