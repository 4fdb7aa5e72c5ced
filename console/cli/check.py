"""`olorin check`: every rule once, as a line that Nagios understands, or as JSON; the exit code says the worst."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backends.alerts.folding import heads, worst_first
from backends.alerts.model import Phase
from backends.alerts.table import GROUPS
from backends.alerts.words import WORDS, nagios, said, threshold
from backends.clients.targets import WATCHING
from backends.sampling.state import State
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.alerts.model import Alert, Board
    from console.wiring import Services

EXITS: Final = {
    State.OK: ExitCode.OK,
    State.WARNING: ExitCode.WARNING,
    State.CRITICAL: ExitCode.CRITICAL,
    State.NO_DATA: ExitCode.UNKNOWN,
}

LIMITS: Final = replace(WATCHING, connect_s=3.0, selection_s=3.0)
"""A check has less patience than a console: cron runs it again."""


@click.command()
@click.option("--only", type=click.Choice(GROUPS), help="The rules of one group.")
@click.option(
    "--hook",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run this folder's executables for every change of state, the alert in their environment (OLORIN_ALERT_…).",
)
@reporting
def check(env_file: Path | None, as_json: bool, only: str | None, hook: Path | None) -> None:
    """Judges every rule once; exit 0 ok, 1 warning, 2 critical, 3 unknown."""
    from console.alerting import alert_settings
    from console.settings import load_settings

    settings = load_settings(env_file)
    alert_settings(settings)
    folder = hook.absolute() if hook is not None else None
    board = with_services(settings, lambda services: _check(services, only, folder), LIMITS)
    if board.note:
        say(f"olorin: {board.note}")
    emit(as_data(board), as_json, lambda: as_lines(board))
    click.get_current_context().exit(EXITS[board.state])


async def _check(services: Services, only: str | None, hook: Path | None) -> Board:
    board = await services.alerts.check(only)
    if hook is not None:
        await _tell(services, board, hook)
    return board


async def _tell(services: Services, board: Board, folder: Path) -> None:
    """Tells the hooks what changed since they were told last, by whichever process on this host it was seen."""
    from backends.alerts.hooks import hooks_in, news, run_hooks, word
    from console.alerting import alert_store

    hooks, store, name = hooks_in(folder), alert_store(services), str(folder)
    changes = news(board.alerts, await asyncio.to_thread(store.told, name))
    for failure in await run_hooks(hooks, changes, services.settings.profile):
        say(f"olorin: hook {failure.hook} for {failure.id}: {failure.why}")
    if changes:
        await asyncio.to_thread(store.tell, name, {each.alert.rule.id: word(each.alert) for each in changes})


def as_data(board: Board) -> dict[str, Any]:
    """The JSON of the check."""
    return {"state": WORDS[board.state], "alerts": [_alert(each) for each in board.alerts]}


def _alert(alert: Alert) -> dict[str, Any]:
    rule = alert.rule
    return {
        "id": rule.id,
        "state": alert.state.value,
        "severity": rule.severity.value,
        "value": alert.value,
        "threshold": rule.threshold,
        "source": rule.source if rule.origin == "built in" else f"{rule.source}; changed in {rule.origin}",
        "since": alert.since,
        "todo": _todo(alert),
    }


def _todo(alert: Alert) -> str | None:
    """What to do, and about what; nothing where nothing is to be done."""
    if alert.state in {Phase.OK, Phase.NOT_CONFIGURED}:
        return None
    about = f" ({said(alert)})" if said(alert) else ""
    return f"{_first(alert)}{alert.rule.todo}{about}"


def _first(alert: Alert) -> str:
    return f"First {alert.cause}. " if alert.cause else ""


def as_lines(board: Board) -> list[str]:
    """Nagios' line; below it what is wrong, what each explains indented below it, with what to do."""
    shown = worst_first(board.alerts)
    first = {alert.rule.id for alert in heads(shown)}
    rows = [
        (
            f"{'' if alert.rule.id in first else '  '}{alert.rule.id}",
            alert.rule.severity.value if alert.state is Phase.FIRING else alert.state.value,
            threshold(alert),
            said(alert).replace("|", "¦"),
        )
        for alert in shown
    ]
    todo = [f"{alert.rule.id}: {_first(alert)}{alert.rule.todo}" for alert in heads(shown)]
    return [nagios(board), *(columns(rows) if rows else []), *todo]
