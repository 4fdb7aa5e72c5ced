"""`olorin migrate schema`: which revision the bot sessions' schema is at, and taking it to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backends.sampling.state import State
from console.cli.consenting import confirm_option, consent
from console.cli.exit_codes import ExitCode
from console.cli.migrate_parts import cell, finish, run_lines, runs_report
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.migrations.model import BotSchema
    from backends.migrations.schema_upgrade import Moved
    from console.settings import Settings
    from console.wiring import Services

_CODES: Final = {State.WARNING: ExitCode.WARNING, State.CRITICAL: ExitCode.CRITICAL, State.NO_DATA: ExitCode.UNKNOWN}


@click.command()
@click.option("--status", is_flag=True, help="Say which revision it is at, and what is pending.")
@click.option("--upgrade", is_flag=False, flag_value="head", metavar="[REV]", help="Go to REV, or to the newest.")
@click.option("--downgrade", metavar="REV", help="Go back to REV (base: nothing).")
@click.option("--sql", is_flag=True, help="Print what an upgrade would execute; changes nothing.")
@confirm_option
@reporting
def schema(
    status: bool,
    upgrade: str | None,
    downgrade: str | None,
    sql: bool,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """The bot sessions' schema and its version."""
    if sum(map(bool, (status, upgrade, downgrade, sql))) != 1:
        raise click.UsageError("Give exactly one mode: --status, --upgrade, --downgrade or --sql.")
    settings = load_settings(env_file)
    if status:
        _status(settings, as_json)
    elif sql:
        _sql(settings, as_json)
    else:
        _go(settings, upgrade or downgrade or "", downgrade is not None, confirmed, as_json)


def _status(settings: Settings, as_json: bool) -> None:
    from backends.migrations.rules import schema_summary

    found = with_services(settings, lambda services: services.schema.status())
    emit(_report(found), as_json, lambda: _lines(found))
    summary = schema_summary(found)
    if found.runs.problem is None and summary.state in _CODES:
        say(summary.headline)
        click.get_current_context().exit(_CODES[summary.state])
    finish(found.runs.problem)


def _sql(settings: Settings, as_json: bool) -> None:
    text = with_services(settings, lambda services: services.schema.sql())
    emit({"sql": text}, as_json, lambda: text.splitlines())


def _go(settings: Settings, target: str, back: bool, confirmed: str, as_json: bool) -> None:
    async def call(services: Services) -> Moved:
        versions = services.schema
        async with services.gate.act(versions.act(target, back=back), consent(confirmed), lifetime_s=None) as token:
            return await versions.go_to(token, target, back=back)

    moved = with_services(settings, call)
    emit(moved, as_json, lambda: _moved_lines(moved))


def _moved_lines(moved: Moved) -> list[str]:
    before, after = (", ".join(each) or "nothing" for each in (moved.before, moved.after))
    counts = [f"{name.replace('_', ' ')}  {number}" for name, number in moved.counts.items()]
    rows = [f"{table}  {number} rows, none lost" for table, number in moved.rows.items()]
    return [f"{before} → {after}", *counts, *rows]


def _report(found: BotSchema) -> dict[str, Any]:
    return {
        "revisions": found.revisions,
        "heads": found.heads,
        "pending": found.pending,
        "history": [
            {"id": each.id, "before": each.before, "what": each.what, "lock": each.lock} for each in found.steps
        ],
        "tables": [
            {"name": each.name, "present": each.present, "rows": each.rows, "bytes": each.size_bytes}
            for each in found.tables
        ],
        "runs": runs_report(found.runs),
    }


def _lines(found: BotSchema) -> list[str]:
    at = "no alembic_version table" if found.revisions is None else ", ".join(found.revisions) or "none"
    rows = [("table", "rows", "bytes")]
    for table in found.tables:
        rows.append((table.name, *((cell(table.rows), cell(table.size_bytes)) if table.present else ("absent", ""))))
    steps = [("step", "pending", "strongest lock", "what")]
    steps += [(each.id, "yes" if each.id in found.pending else "", each.lock, each.what) for each in found.steps]
    return [f"revision  {at}", "", *columns(steps), "", *columns(rows), "", *run_lines(found.runs)]
