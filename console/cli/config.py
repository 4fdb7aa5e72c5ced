"""`olorin config`: whether the configuration can be used, where each value comes from, and what another one has."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from backends.clients.targets import PoolLimits
from backends.safety.text import display_text
from console.cli.consenting import confirm_option, consent
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.config.model import Check, ConfigSnapshot, Difference, Finding, Report
    from backends.config.service import ConfigService
    from backends.config.sync_acts import Change, SyncReport
    from console.settings import Settings
    from console.wiring import Services

SERVER_DEADLINE_S: Final = 3.0
"""Seconds that one server's answer may take; all are asked at once."""

QUICK: Final = PoolLimits(max=1, min=0, wait_s=2.0, connect_s=2.0, selection_s=2.0)
"""A check asks once, so it needs one connection a server and no patience."""

SERVER_VARIABLES: Final = (
    "MONGODB_URI",
    "MONGODB_URL",
    "OLORIN_MONGODB_URL",
    "ORCHESTRATION_DATABASE_URL",
    "CHUNKS_DATABASE_URL",
    "ORCHESTRATION_URL",
    "OPENAI_API_KEY",
)
"""Variables that name something to ask."""

SYMBOLS: Final = {"ok": "●", "warn": "▲", "fail": "✖"}


@click.group()
def config() -> None:
    """Configuration health."""


@config.command()
@click.option("--offline", is_flag=True, help="Judge the variables alone; ask no server.")
@reporting
def check(env_file: Path | None, as_json: bool, offline: bool) -> None:
    """Every rule at once; exit 0 ok, 1 warnings, 5 anything that fails."""
    from backends.config.health import report, with_findings

    service = _service(env_file)
    snapshot = service.snapshot_now()
    result = report(snapshot if offline else with_findings(snapshot, _answers(env_file, service)))
    emit(result, as_json, lambda: _check_lines(result))
    exits = {"ok": ExitCode.OK, "warn": ExitCode.WARNING, "fail": ExitCode.CONFIGURATION}
    click.get_current_context().exit(exits[result.status.value])


@config.command()
@reporting
def show(env_file: Path | None, as_json: bool) -> None:
    """Every setting with its value (secrets masked) and where it comes from."""
    snapshot = _service(env_file).snapshot_now()
    emit(snapshot, as_json, lambda: _show_lines(snapshot))
    for finding in snapshot.others:
        if finding.id.startswith("env_file") and finding.status.value != "ok":
            say(f"olorin: {finding.message}")


@config.command()
@click.argument("other_env_file", type=click.Path(path_type=Path))
@reporting
def diff(env_file: Path | None, as_json: bool, other_env_file: Path) -> None:
    """What OTHER_ENV_FILE (or a process's /proc/PID/environ) sets differently; exit 0 nothing, 1 something."""
    from backends.clients.errors import NotThere

    service = _service(env_file)
    try:
        differences, odd = service.differences(other_env_file)
    except NotThere as error:
        say(f"olorin: {error.message} {error.hint}")
        click.get_current_context().exit(ExitCode.CONFIGURATION)
    emit(
        {
            "environment": service.snapshot_now().environment,
            "other": display_text(other_env_file),
            "differences": differences,
        },
        as_json,
        lambda: _diff_lines(differences),
    )
    for line in odd:
        say(f"olorin: {line}")
    click.get_current_context().exit(ExitCode.WARNING if differences else ExitCode.OK)


@config.command()
@click.option("--push", "direction", flag_value="push", help="Our audio settings to the service.")
@click.option("--pull", "direction", flag_value="pull", help="The service's into our dotenv file.")
@click.option("--rollback", "direction", flag_value="rollback", help="Undo the last of both.")
@confirm_option
@reporting
def sync(env_file: Path | None, as_json: bool, direction: str | None, confirmed: str) -> None:
    """The orchestration service's audio settings beside ours; exit 0 the same, 1 drifted apart."""
    from console.settings import load_settings

    result = with_services(load_settings(env_file), lambda services: _synchronise(services, direction, confirmed))
    emit(result, as_json, lambda: _sync_lines(result))
    same = result.state == "synchronized" or result.changed
    gone = result.state == "service_unavailable"
    click.get_current_context().exit(ExitCode.CANNOT_CONNECT if gone else ExitCode.OK if same else ExitCode.WARNING)


async def _synchronise(services: Services, direction: str | None, confirmed: str) -> SyncReport:
    from backends.config.sync_acts import Direction

    sync = services.service_sync
    if direction is None:
        return await sync.report()
    plan = await sync.plan(Direction(direction))
    async with services.gate.act(plan.act, consent(confirmed)) as token:
        return await sync.carry_out(token, plan)


def _sync_lines(result: SyncReport) -> list[str]:
    lines = [f"{result.state}  {result.service}  ours {result.ours}, theirs {result.theirs}", result.reason]
    if result.drifts:
        rows = [("setting", "here", "there"), *((each.field, *_sides(each)) for each in result.drifts)]
        lines += columns(rows)
    lines += [f"changed {each.shown}" for each in result.changed]
    return [line for line in lines if line]


def _sides(drift: Change) -> tuple[str, str]:
    return display_text(drift.before), display_text(drift.after)


def _service(env_file: Path | None) -> ConfigService:
    """The service on what is configured, however malformed it is; without clients."""
    from backends.config.service import ConfigService
    from console.settings import own_problems

    return ConfigService(env_file, os.environ, own_problems)


def _answers(env_file: Path | None, service: ConfigService) -> tuple[Finding, ...]:
    """What the configured servers say; nothing is imported where none is."""
    from console.settings import Settings, own_problems, own_settings

    environment = service.sources().merged()
    if not any(environment.get(name) for name in SERVER_VARIABLES):
        return ()
    malformed = own_problems(environment)
    usable = {name: value for name, value in environment.items() if name not in malformed}
    return asyncio.run(_ask(Settings(usable, env_file, own_settings(usable))))


async def _ask(settings: Settings) -> tuple[Finding, ...]:
    from console.wiring import Services

    async with Services(settings, QUICK) as services:
        return await services.config.answers(SERVER_DEADLINE_S)


def _check_lines(result: Report) -> list[str]:
    """What is not ok, the worst first, each with what to paste; then the counts."""
    noted = [check for check in result.checks if check.status.value != "ok"]
    noted.sort(key=lambda each: (-each.status.rank, each.group != "env_file"))
    lines = [line for check in noted for line in _finding_lines(check)]
    counts = result.summary
    state = result.status.value
    head = f"{SYMBOLS[state]} {state} · {result.environment} · {counts.ok} ok, {counts.warn} warn, {counts.fail} fail"
    return [head, *lines]


def _finding_lines(check: Check) -> list[str]:
    where = f"  [{check.source}]" if check.source else ""
    first = f"{SYMBOLS[check.status.value]} {check.status.value:<4}  {check.id}: {check.message}{where}"
    return [first, *(f"          {line}" for line in check.remedy.splitlines())]


def _show_lines(snapshot: ConfigSnapshot) -> list[str]:
    rows = [("state", "class", "setting", "value", "source")]
    for setting in snapshot.settings:
        state = setting.status.value
        rows.append((f"{SYMBOLS[state]} {state}", setting.title, setting.name, setting.value or "–", setting.source))
    return columns(rows)


def _diff_lines(differences: tuple[Difference, ...]) -> list[str]:
    if not differences:
        return ["no differences"]
    rows = [("setting", "here", "there")]
    rows += [(each.name, each.here or "–", each.there or "–") for each in differences]
    return columns(rows)
