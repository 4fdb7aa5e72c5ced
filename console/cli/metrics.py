"""`olorin metrics`: every system's figures as Prometheus text, and compared with a baseline."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backends.alerts.metrics import Difference, differences, figures, text
from console.cli.check import LIMITS
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.alerts.store import Baseline
    from console.metrics import Figures
    from console.wiring import Services

NAME = 60
"""Characters of a baseline's name."""


@click.command()
@click.option("--keep", metavar="NAME", help="Keep latency, pool and error figures as the baseline of this name.")
@click.option("--compare", metavar="NAME", help="Print how these figures differ from the baseline of this name.")
@reporting
def metrics(env_file: Path | None, as_json: bool, keep: str | None, compare: str | None) -> None:
    """Prints figures as Prometheus text; exit 3 where a system gave none."""
    from console.alerting import alert_settings
    from console.settings import load_settings

    if keep and compare:
        raise click.UsageError("--keep and --compare exclude each other.")
    settings = load_settings(env_file)
    alert_settings(settings)
    found, before = with_services(settings, lambda services: _collect(services, keep, compare), LIMITS)
    for system, why in found.problems:
        say(f"olorin: {system}: {why}")
    if compare and before is not None:
        changes = differences(before.figures, figures(found.families))
        emit(
            {"baseline": before.name, "at": before.at, "differences": changes}, as_json, lambda: _table(before, changes)
        )
    else:
        emit(found.families, as_json, lambda: text(found.families).splitlines())
    click.get_current_context().exit(ExitCode.UNKNOWN if found.problems else ExitCode.OK)


async def _collect(services: Services, keep: str | None, compare: str | None) -> tuple[Figures, Baseline | None]:
    from backends.alerts.store import Baseline
    from backends.clients.errors import NotThere
    from backends.safety.text import display_text
    from backends.sampling.reading import utc_now
    from console.alerting import alert_store
    from console.metrics import collect

    store, before = alert_store(services), None
    if compare:
        before = await asyncio.to_thread(store.baseline, compare)
        if before is None:
            raise NotThere(f"There is no baseline {compare}.", hint="olorin metrics --keep NAME makes one.")
    found = await collect(services)
    if keep:
        name = display_text(keep)[:NAME]
        await asyncio.to_thread(store.keep_baseline, Baseline(name, utc_now(), figures(found.families)))
        say(f"kept as {name}")
    return found, before


def _table(before: Baseline, changes: tuple[Difference, ...]) -> list[str]:
    rows = [(each.figure, _number(each.before), _number(each.now), _change(each)) for each in changes]
    head = f"since {before.name} of {before.at:%Y-%m-%d %H:%M} UTC"
    return [head, *columns([("figure", "before", "now", "change"), *rows])]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _change(each: Difference) -> str:
    return "–" if each.change_percent is None else f"{each.change_percent:+.0f} %"
