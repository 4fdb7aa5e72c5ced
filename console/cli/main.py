"""The root of the command line. Subcommands are imported when they are called, and Textual only for the console."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from console import __version__
from console.cli.exit_codes import ExitCode
from console.cli.reporting import env_file_option

COMMANDS: Final = {
    "audit": "Who changed what, and whether the log of it is whole.",
    "backup": "A backup, proven by restoring it.",
    "bots": "Bot sessions.",
    "check": "Every alert rule once, for cron.",
    "config": "Configuration health.",
    "content": "One content, and what is indexed of it.",
    "demo": "The console on an embedded stack.",
    "draft": "The drafting partner, headless.",
    "metrics": "Every system's figures as Prometheus text.",
    "migrate": "Migrations: what would be moved.",
    "orphans": "References whose parent is missing.",
    "pools": "Connection pools and servers.",
    "runs": "Long runs, from any machine.",
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

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; a reader that has had enough, as `| head -1`, is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still buffered would be flushed into the closed pipe at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(ExitCode.OK)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@env_file_option
@click.option("--allow-writes", is_flag=True, help="Let the console change things without arming it first.")
@click.version_option(__version__, prog_name="olorin")
@click.pass_context
def olorin(ctx: click.Context, env_file: Path | None, allow_writes: bool) -> None:
    """Opens the console; with a command, reports headless and exits."""
    ctx.obj = env_file
    if ctx.invoked_subcommand is None:
        ctx.exit(open_console(env_file, allow_writes))


def open_console(env_file: Path | None, allow_writes: bool = False) -> int:
    """Runs the full-screen console; returns its exit code. allow_writes: as if OLORIN_CONSOLE_ALLOW_WRITES were set."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo("olorin: the console needs a terminal; `olorin --help` lists the headless commands.", err=True)
        return ExitCode.USAGE
    if not sys.stderr.isatty():
        # Textual draws on stderr, so that one must be the terminal, whatever a shell made of it.
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    from console.settings import load_settings

    settings = load_settings(env_file)
    if allow_writes:
        settings = replace(settings, own=replace(settings.own, allow_writes=True))
    from console.run import run_console

    return run_console(settings)
