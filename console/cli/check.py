"""`olorin check`: every system once, as a line that Nagios understands, or as JSON; the exit code says the worst."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from backends.alerts.rules import overall
from backends.sampling.state import State
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, with_services

if TYPE_CHECKING:
    from backends.alerts.model import Standing

EXITS: Final = {
    State.OK: ExitCode.OK,
    State.WARNING: ExitCode.WARNING,
    State.CRITICAL: ExitCode.CRITICAL,
    State.NO_DATA: ExitCode.UNKNOWN,
}
WORDS: Final = {State.OK: "ok", State.WARNING: "warning", State.CRITICAL: "critical", State.NO_DATA: "unknown"}


@click.command()
@reporting
def check(env_file: Path | None, as_json: bool) -> None:
    """Looks at every system once; exit 0 ok, 1 warning, 2 critical, 3 unknown."""
    from console.settings import load_settings

    standings = with_services(load_settings(env_file), lambda services: services.overview.look())
    state = overall(standings)
    emit(_as_data(state, standings), as_json, lambda: _as_lines(state, standings))
    click.get_current_context().exit(EXITS[state])


def _as_data(state: State, standings: tuple[Standing, ...]) -> dict[str, object]:
    return {"state": WORDS[state], "alerts": [_alert(each) for each in standings]}


def _alert(each: Standing) -> dict[str, object]:
    todo = each.problem.hint if each.problem else ""
    return {
        "id": each.name,
        "state": each.state.value,
        "severity": WORDS.get(each.state),
        "value": each.headline,
        "threshold": None,
        "source": each.name,
        "since": None,
        "todo": todo or None,
    }


def _as_lines(state: State, standings: tuple[Standing, ...]) -> list[str]:
    counted = ", ".join(
        f"{sum(each.state is one for each in standings)} {one.value}"
        for one in State
        if any(each.state is one for each in standings)
    )
    head = f"OLORIN {WORDS[state].upper()} - {counted}"
    return [head, *columns([(each.name, each.state.value, each.headline) for each in standings])]
