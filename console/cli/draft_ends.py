"""How `olorin draft` uses the drafting service, and with which exit codes its failures end."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from console.cli.exit_codes import ExitCode, exit_code
from console.cli.reporting import say, with_services
from console.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from backends.clients.errors import BackendError
    from backends.drafting.service import DraftingService

T = TypeVar("T")


def using_drafting(settings: Settings, call: Callable[[DraftingService], Awaitable[T]]) -> T:
    """Makes the call; a failure of it ends the command."""
    return ended(lambda: with_services(settings, lambda services: call(services.drafting)))


def ended(work: Callable[[], T]) -> T:
    """Does the work; a failure that only drafting knows ends the command with its own exit code."""
    from backends.clients.errors import BackendError

    try:
        return work()
    except BackendError as error:
        where = f" ({error.where})" if error.where else ""
        say(f"olorin: {error.message}{where} {error.hint}".rstrip())
        click.get_current_context().exit(code(error))


def code(error: BackendError) -> ExitCode:
    """The exit code of a failure."""
    from backends.clients.errors import NotThere
    from backends.drafting.errors import HeldByAnother, LimitReached, NotAccepted
    from backends.drafting.retrying import is_unreached

    if is_unreached(error):
        return ExitCode.CANNOT_CONNECT
    if isinstance(error, LimitReached):
        return ExitCode.REFUSED
    if isinstance(error, HeldByAnother):
        return ExitCode.LEASE_HELD
    if isinstance(error, NotAccepted | NotThere):
        return ExitCode.USAGE
    return exit_code(error)
