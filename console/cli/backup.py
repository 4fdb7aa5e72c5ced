"""`olorin backup`: takes a backup and proves it by restoring it beside, or records one taken elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backends.backup.model import TARGETS
from backends.sampling.reading import utc_now
from console.cli.consenting import confirm_option, consent
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from backends.backup.model import Backup
    from console.wiring import Services


def _time(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    from backends.safety.audited import since

    try:
        return since(text, utc_now()) if text else None
    except (ValueError, OverflowError):
        raise click.BadParameter("a time such as 2026-01-31T03:00 (UTC), or an age such as 90m") from None


@click.command()
@click.argument("target", type=click.Choice(TARGETS))
@click.option("--record", default=None, metavar="PATH-OR-NOTE", help="Record a backup that was taken elsewhere.")
@click.option("--taken-at", callback=_time, help="When that one was taken: a time (UTC), or its age: 90m, 3h.")
@click.option("--keep-test", is_flag=True, help="Leave the restored <name>_test for a look.")
@confirm_option
@reporting
def backup(
    target: str,
    record: str | None,
    taken_at: datetime | None,
    keep_test: bool,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Back TARGET up, and prove it by restoring it into <name>_test (11 where it is not the same)."""
    if (record is None) != (taken_at is None):
        raise click.UsageError("--record and --taken-at belong together.")

    async def call(services: Services) -> Backup:
        backups, gate = services.backups, services.gate
        if record is None or taken_at is None:
            async with gate.act(backups.act("backup.take", target), consent(confirmed), lifetime_s=None) as token:
                return await backups.take(token, target, keep_test=keep_test, tell=_Progress())
        act = backups.act("backup.record", target, place=record, taken_at=taken_at)
        async with gate.act(act, consent(confirmed), lifetime_s=None) as token:
            return await backups.record(token, target, record, taken_at, keep_test=keep_test, tell=_Progress())

    made = with_services(load_settings(env_file), call)
    emit(_report(made), as_json, lambda: _lines(made))
    _judge(made)


class _Progress:
    """Says each collection or table once."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, name: str, documents: int) -> None:
        if name != self._last:
            self._last = name
            say(name)


def _report(made: Backup) -> dict[str, Any]:
    return {
        "target": made.target,
        "where": made.where,
        "how": made.how,
        "place": made.place,
        "taken_at": made.taken_at,
        "proven": made.proven,
        "proven_at": made.proven_at,
        "documents": sum(part.documents for part in made.parts),
        "parts": made.parts,
        "differences": made.differences,
    }


def _lines(made: Backup) -> list[str]:
    rows = [(part.name, f"{part.documents:,}", part.digest[:16]) for part in made.parts]
    return [*columns([("name", "documents", "digest"), *rows]), f"{made.how}: {made.place}"]


def _judge(made: Backup) -> None:
    for difference in made.differences:
        say(f"not the same after restoring: {difference}")
    if made.differences:
        click.get_current_context().exit(ExitCode.VERIFICATION_FAILED)
    if not made.proven:
        say("recorded, but not proven: the console restores a folder of mongodump's or a file of pg_dump's")
        click.get_current_context().exit(ExitCode.WARNING)
    say("proven: restored and found the same")
