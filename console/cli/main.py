"""The root of the command line. Subcommands are imported when they are called, and Textual only for the console."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from console import __version__
from console.cli.exit_codes import ExitCode
from console.cli.reporting import env_file_option

COMMANDS: Final = {
    "bots": "Bot sessions.",
    "check": "Every system's state, for cron.",
    "config": "Configuration health.",
    "demo": "The console on an embedded stack.",
    "draft": "The drafting partner, headless.",
    "migrate": "Migrations: what would be moved.",
    "orphans": "References whose parent is missing.",
    "pools": "Connection pools and servers.",
}
"""Command name → what its line in the help says. `console.cli.<name>` defines a click command of the same name."""


class LazyGroup(click.Group):
    """Imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"console.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@env_file_option
@click.version_option(__version__, prog_name="olorin")
@click.pass_context
def olorin(ctx: click.Context, env_file: Path | None) -> None:
    """Opens the console; with a command, reports headless and exits."""
    ctx.obj = env_file
    if ctx.invoked_subcommand is None:
        ctx.exit(open_console(env_file))


def open_console(env_file: Path | None) -> int:
    """Runs the full-screen console; returns its exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo("olorin: the console needs a terminal; `olorin --help` lists the headless commands.", err=True)
        return ExitCode.USAGE
    if not sys.stderr.isatty():
        # Textual draws on stderr, so that one must be the terminal, whatever a shell made of it.
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    from console.settings import load_settings

    settings = load_settings(env_file)
    from console.run import run_console

    return run_console(settings)
