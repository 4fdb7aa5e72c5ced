"""What every command that executes a run shares: its options, its signals, its verdict and exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import click

from backends.sampling.jsonable import to_json
from console.cli.exit_codes import ExitCode, exit_code
from console.cli.progress import Shown
from console.cli.reporting import say

if TYPE_CHECKING:
    from backends.runs.model import NewRun
    from backends.runs.runner import First, Runner, Verdict
    from backends.runs.store import RunStore
    from backends.runs.window import Window
    from backends.safety.gate import Consent
    from console.wiring import Services


@dataclass(frozen=True, slots=True)
class Execution:
    """How long to wait for a silent holder (seconds), and what limits the execution."""

    wait_s: float
    max_minutes: float | None
    window: Window | None


def execution_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds `--wait`, `--max-minutes` and `--window`; the command receives `execution`."""

    def wrapped(*args: Any, wait: float, max_minutes: float | None, window: Window | None, **kwargs: Any) -> None:
        command(*args, execution=Execution(wait, max_minutes, window), **kwargs)

    wrapped.__doc__, wrapped.__name__ = command.__doc__, command.__name__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    wait = click.option("--wait", type=click.FloatRange(0), default=60.0, show_default=True, metavar="SECONDS",
        help="Wait this long for a holder of the lease that is silent.")  # fmt: skip
    minutes = click.option("--max-minutes", type=click.FloatRange(0), default=None, metavar="N",
        help="Stop after so many minutes, resumable (14).")  # fmt: skip
    window = click.option("--window", callback=_window, default=None, metavar="HH:MM-HH:MM [ZONE]",
        help="Work within these hours only (UTC without a zone), resumed too; 00:00-24:00 lifts it.")  # fmt: skip
    return wait(minutes(window(wrapped)))


def _window(_: click.Context, __: click.Parameter, text: str | None) -> Window | None:
    from backends.runs.window import Window

    try:
        return Window.parse(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


async def carried_out(services: Services, run: NewRun, agreed: Consent, execution: Execution) -> Verdict:
    """Records the run and executes it here. Raises what keeps it from beginning."""
    store = next(store for store in services.run_stores if store.where == run.where)
    await services.runner(store, Shown()).create(run, run.kind, agreed)
    return await execute(services, store, run.id, agreed, execution, supersedes=False)


async def execute(
    services: Services,
    store: RunStore,
    run_id: str,
    consent: Consent,
    execution: Execution,
    first: First | None = None,
    *,
    supersedes: bool = True,
) -> Verdict:
    """Executes the run in the foreground, with a warning where no backup is good enough.

    first: an order that belongs to this start, given once it may begin. supersedes: what was ordered before is over,
    since a person lets it go on. Raises what keeps it from beginning.
    """
    from backends.runs.drive import Limited
    from backends.runs.runner import nothing

    if warning := await services.backups.warning(store.where):
        say(warning)
    shown = Shown()
    runner = services.runner(store, shown)
    max_s = None if execution.max_minutes is None else execution.max_minutes * 60
    try:
        with _interrupting(runner):
            limited = Limited(max_s, execution.window)
            return await runner.execute(
                run_id,
                consent,
                wait_s=execution.wait_s,
                limited=limited,
                first=first or nothing,
                supersedes=supersedes,
            )
    finally:
        shown.end()


def report(verdict: Verdict, as_json: bool) -> None:
    """Prints the verdict, as the last line under --json, and ends with its code."""
    if as_json:
        click.echo(to_json(verdict.said()))
    else:
        counts = ", ".join(f"{name} {count:,}" for name, count in verdict.counts.items())
        click.echo(f"{verdict.run_id} {verdict.state}: {counts}")
    for why in filter(None, (verdict.why, verdict.unaudited)):
        say(why)
    if verdict.resume_cmd:
        say(f"goes on with: {verdict.resume_cmd}")
    click.get_current_context().exit(verdict_code(verdict))


def verdict_code(verdict: Verdict) -> ExitCode:
    """The exit code of a verdict: its own; 1 where all went well and the audit log doesn't say so.

    It is not the gate's 8, which says that nothing was done.
    """
    if verdict.error is not None:
        return exit_code(verdict.error)
    if verdict.skipped:
        return ExitCode.SOME_SKIPPED
    return ExitCode.WARNING if verdict.unaudited else ExitCode.OK


@contextmanager
def _interrupting(runner: Runner) -> Iterator[None]:
    """SIGTERM and SIGINT end the run after its batch, a second SIGINT at once; a closed terminal ends nothing."""
    loop = asyncio.get_running_loop()

    def interrupt(name: str) -> None:
        runner.interrupt(name)
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, interrupt, number.name)
    # Asked now: a terminal that is gone is none.
    loop.add_signal_handler(signal.SIGHUP, _silence, [each for each in (sys.stdout, sys.stderr) if each.isatty()])
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _silence(terminals: Sequence[TextIO]) -> None:
    """What would be written to a terminal that is gone goes nowhere: failing on it would be the run's end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in terminals:
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
