"""`olorin migrate olorin`: one mode a call, each with its JSON, its text and its exit code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backends.backup.model import Light
from backends.clients.errors import BackendError
from console.cli import separation_report as report
from console.cli import soft_delete
from console.cli.consenting import confirm_option, consent
from console.cli.executing import Execution, execute, execution_options
from console.cli.executing import report as report_verdict
from console.cli.exit_codes import ExitCode
from console.cli.migrate_parts import finish
from console.cli.progress import Shown
from console.cli.reporting import emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.migrations.model import Separation
    from backends.migrations.olorin.model import Board, Held, LeftOut, Verified
    from backends.migrations.olorin.service import SeparationService
    from backends.runs.runner import Verdict
    from console.wiring import Services

MODES: Final[Mapping[str, str]] = {
    "status": "Say what is there, and what would be moved.",
    "dry-run": "Read both sides, check every gate, and make the plan; writes nothing.",
    "execute": "Copy, and follow the source to where a person switches; goes on with a run that is under way.",
    "cleanup": "After the switch: set the main database's collections aside (--drop RUN_ID: drop them for good).",
    "rollback": "Carry what the target got since the switch back to the main database (--from DIR: restore a backup).",
    "verify": "Compare every document and index of both sides, and keep the proof (11 where they are not the same);"
    " with the flag on and --confirm, record the switch beside the data.",
}
"""Mode → what it does; exactly one is given."""


def modes(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the modes, of which exactly one is to be given; the command receives it as `mode`."""

    def wrapped(**given: Any) -> None:
        chosen = [name for name in MODES if given.pop(name.replace("-", "_"))]
        if len(chosen) != 1:
            raise click.UsageError(f"Give exactly one mode: {', '.join(f'--{name}' for name in MODES)}.")
        command(mode=chosen[0], **given)

    wrapped.__doc__ = command.__doc__
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for name, help_ in reversed(list(MODES.items())):
        click.option(f"--{name}", is_flag=True, help=help_)(wrapped)
    return wrapped


@click.command("olorin")
@modes
@click.option("--plan", default="", metavar="HASH", help="With --execute: carry out this plan of a dry run.")
@click.option("--drop", default="", metavar="RUN_ID", help="With --cleanup: drop what this run's cleanup set aside.")
@click.option(
    "--from", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None, metavar="DIR",
    help="With --rollback: restore this backup (a folder of mongodump's) by _id.",
)  # fmt: skip
@click.option(
    "--soft-delete", "soft", is_flag=True, help="With --dry-run, --execute or --rollback: deleted_at and its index."
)
@click.option(
    "--build-indexes", is_flag=True, help="With --verify: first build in the target what the platform declares."
)
@click.option("--follow", is_flag=True, help="With --execute: stay at the hold and follow the source until told.")
@execution_options
@confirm_option
@reporting
def olorin(
    mode: str,
    plan: str,
    follow: bool,
    soft: bool,
    drop: str,
    folder: Path | None,
    build_indexes: bool,
    execution: Execution,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Olorin's collections, from the main database to Olorin's own."""
    if (plan or follow) and mode != "execute":
        raise click.UsageError("--plan and --follow belong to --execute.")
    if (drop and mode != "cleanup") or (folder and mode != "rollback"):
        raise click.UsageError("--drop belongs to --cleanup, --from to --rollback.")
    if build_indexes and mode != "verify":
        raise click.UsageError("--build-indexes belongs to --verify.")
    if soft:
        if follow or folder:
            raise click.UsageError("--follow and --from do not go with --soft-delete.")
        _soft_delete(mode, plan, execution, confirmed, env_file, as_json)
    elif mode == "execute":
        _execute(plan, follow, execution, confirmed, env_file, as_json)
    elif mode == "rollback":
        _roll_back(folder, execution, confirmed, env_file, as_json)
    elif mode == "cleanup":
        _clean_up(drop, confirmed, env_file, as_json)
    elif mode == "verify":
        _verify(build_indexes, confirmed, env_file, as_json)
    else:
        {"status": _status, "dry-run": _dry_run}[mode](env_file, as_json)


def _status(env_file: Path | None, as_json: bool) -> None:
    async def call(services: Services) -> tuple[Separation, tuple[Board, LeftOut] | None]:
        from backends.migrations.olorin.processes import LOOKS

        found, service = await services.migrations.olorin(), services.separation
        try:
            return found, (await service.board(services.separation_store, LOOKS), await service.left_out())
        except BackendError:
            # What could not be asked is told by the other half.
            return found, None

    found, asked = with_services(load_settings(env_file), call)
    board, left_out = asked or (None, None)
    answer = {
        **report.separation(found),
        "board": board and report.board(board),
        "left_out": left_out and report.left_out(left_out),
    }
    lines = [*report.separation_lines(found), *report.left_out_lines(left_out), *report.board_lines(board)]
    emit(answer, as_json, lambda: lines)
    finish(found.source_problem, found.target_problem, found.runs.problem)


def _dry_run(env_file: Path | None, as_json: bool) -> None:
    found = with_services(load_settings(env_file), lambda services: services.separation.dry_run(_progress()))
    emit(report.dry_run(found), as_json, lambda: report.dry_run_lines(found))
    if as_json:
        for line in report.reject_lines(found, len(found.rejects)):
            say(line)
    codes = {"red": ExitCode.REFUSED, "warning": ExitCode.WARNING}
    click.get_current_context().exit(codes.get(found.light.value, ExitCode.OK))


def _execute(
    plan: str, follow: bool, execution: Execution, confirmed: str, env_file: Path | None, as_json: bool
) -> None:
    agreed = consent(confirmed)

    async def call(services: Services) -> Verdict:
        store, services.separation.stay = services.separation_store, follow
        runner = services.runner(store, Shown())
        run_id = await services.separation.run_to_execute(runner, store, agreed, plan)
        return await execute(services, store, run_id, agreed, execution)

    report_verdict(with_services(load_settings(env_file), call), as_json)


def _soft_delete(
    mode: str, plan: str, execution: Execution, confirmed: str, env_file: Path | None, as_json: bool
) -> None:
    if mode == "dry-run":
        soft_delete.plan(env_file, as_json)
    elif mode in {"execute", "rollback"}:
        soft_delete.carry_out(mode == "rollback", plan, execution, confirmed, env_file, as_json)
    else:
        raise click.UsageError("--soft-delete goes with --dry-run, --execute and --rollback.")


def _roll_back(folder: Path | None, execution: Execution, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    agreed = consent(confirmed)

    async def call(services: Services) -> Verdict:
        store = services.main_store
        runner = services.runner(store, Shown())
        await _warn_of_backup(services.separation, undoable=True)
        run_id = await services.separation.run_to_roll_back(runner, store, agreed, folder)
        return await execute(services, store, run_id, agreed, execution)

    report_verdict(with_services(load_settings(env_file), call), as_json)


def _clean_up(drop: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    async def call(services: Services) -> tuple[str, tuple[Held, ...], bool]:
        service = services.separation
        run_id = drop or (await service.newest_run(services.separation_store)).id
        held = await service.cleanup_preview(run_id, dropping=bool(drop))
        await _warn_of_backup(service, undoable=not drop)
        if confirmed:
            act = service.cleanup_act(run_id, dropping=bool(drop))
            async with services.gate.act(act, consent(confirmed), lifetime_s=None) as token:
                await (service.drop(token, run_id) if drop else service.clean_up(token, run_id))
        return run_id, held, bool(confirmed)

    run_id, held, done = with_services(load_settings(env_file), call)
    emit(report.cleanup(run_id, held, done), as_json, lambda: report.cleanup_lines(held))
    if not done:
        say("only looked at: nothing is changed without --confirm NAME")
    elif not drop:
        say(f"for good: olorin migrate olorin --cleanup --drop {run_id} --confirm NAME")


def _verify(build: bool, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    async def call(services: Services) -> Verified:
        service = services.separation
        if build:
            async with services.gate.act(service.indexes_act(), consent(confirmed), lifetime_s=None) as token:
                for line in report.built_lines(await service.build_declared(token)):
                    say(line)
        if confirmed and service.is_on:
            async with services.gate.act(service.switch_act(), consent(confirmed), lifetime_s=None) as token:
                await service.record_switch(token)
        return await service.verify(_progress())

    found = with_services(load_settings(env_file), call)
    emit(report.verified(found), as_json, lambda: report.verified_lines(found))
    if any(each.declared for each in found.collections) and not build:
        say("to build what the platform declares: olorin migrate olorin --verify --build-indexes")
    click.get_current_context().exit(ExitCode.OK if found.passed else ExitCode.VERIFICATION_FAILED)


async def _warn_of_backup(service: SeparationService, *, undoable: bool) -> None:
    """Says where the main database's backup is not good enough; a step that can't be undone is refused by itself."""
    verdict = await service.backup_verdict(undoable=undoable)
    if verdict.light is not Light.OK:
        say(f"{verdict.light.value}: {verdict.sentence} {verdict.hint}")


def _progress() -> Callable[[str, int], None]:
    """Says each collection once, when it is begun."""
    told: set[str] = set()

    def tell(name: str, _: int) -> None:
        if name not in told:
            told.add(name)
            say(name)

    return tell
