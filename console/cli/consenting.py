"""How a command says that its person agreed: the command's own flag is explicit, production asks for its name too."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from backends.safety.gate import Consent

P = ParamSpec("P")
T = TypeVar("T")


def confirm_option(command: Callable[P, T]) -> Callable[P, T]:
    """Adds `--confirm NAME`; the command receives `confirmed`, which `consent` takes."""
    help_ = "The environment's name; production asks for it."
    return click.option("--confirm", "confirmed", default="", metavar="NAME", help=help_)(command)


def consent(confirmed: str) -> Consent:
    """The consent of a command whose call is explicit in itself."""
    return Consent("command", explicit=True, typed=confirmed)
