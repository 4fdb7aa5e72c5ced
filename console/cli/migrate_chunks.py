"""`olorin migrate chunks`: look, plan, copy, swap, verify, go back, and drop what is not needed any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backends.sampling.reading import utc_now
from console.cli.consenting import confirm_option, consent
from console.cli.executing import Execution, execute, execution_options, report
from console.cli.exit_codes import ExitCode
from console.cli.migrate_chunks_status import (
    gate_lines,
    gates_said,
    heat_lines,
    standing_lines,
    status_lines,
    status_said,
)
from console.cli.migrate_parts import finish
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.migrations.model import Chunks
    from backends.migrations.repartition.book import Migration
    from backends.migrations.repartition.gates import Gate
    from backends.migrations.repartition.inserts import Gain
    from backends.migrations.repartition.proof import Comparison
    from backends.migrations.repartition.rehearsing import Rehearsed
    from backends.migrations.repartition.service import Preflight
    from backends.migrations.repartition.standing import Standing
    from backends.runs.runner import Verdict
    from backends.safety.plans import Plan
    from console.settings import Settings
    from console.wiring import Services

MODES: Final = {
    "status": "Say what is there, and what would be moved.",
    "dry_run": "Count, judge every gate, and make a plan.",
    "rehearse": "Play execute, swap and rollback on a sampled clone in a schema of its own.",
    "execute": "Copy, follow what others change, prove, and hold.",
    "swap": "Put the proven copy into place; repeated with --retain it keeps the backup longer.",
    "verify": "Compare old and new table now.",
    "rollback": "Go back: take the copy away, or the old table into use again.",
    "drop_backup": "Drop the old table, once its time is over and a proof holds.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was given besides its mode."""

    layout: str
    plan: str | None
    probe: bool
    retain: float | None
    sample: int | None
    confirmed: str
    as_json: bool
    execution: Execution


def _modes(command: Callable[..., None]) -> Callable[..., None]:
    for name, help_ in reversed(MODES.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, is_flag=True, help=help_)(command)
    return command


@click.command()
@_modes
@click.option(
    "--layout", type=click.Choice(["hash", "list"]), default="hash", show_default=True, help="Of the new table."
)
@click.option("--plan", default=None, metavar="HASH", help="Carry out this plan, or refuse.")
@click.option("--probe", is_flag=True, help="With --dry-run and --verify: try inserts and roll back.")
@click.option("--retain", type=click.FloatRange(0), default=None, metavar="HOURS", help="With --swap: keep the backup.")
@click.option("--sample", type=click.IntRange(1), default=None, metavar="ROWS", help="With --rehearse: rows of it.")
@execution_options
@confirm_option
@reporting
def chunks(
    layout: str,
    plan: str | None,
    probe: bool,
    retain: float | None,
    sample: int | None,
    execution: Execution,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
    **modes: bool,
) -> None:
    """The chunks table, to 100 partitions.

    JSON: --dry-run {"plan", "layout": {"from", "to"}, "rows", "gates": [{"id", "status", "why"}], "dependants",
    "skew"}; --verify {"state", "old_rows", "new_rows", "missing", "extra", "different", "changing", "by_collection",
    "reads", "problems", "inserts", "board": [as the gates]}; --rehearse {"passed", "rows", "steps", "lock_ms"};
    --execute, --swap and --rollback end with the verdict of a run.
    """
    chosen = [name for name, given in modes.items() if given]
    if len(chosen) != 1:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in MODES)
        raise click.UsageError(f"Give exactly one mode: {names}.")
    if (probe and chosen[0] not in {"dry_run", "verify"}) or (retain is not None and chosen != ["swap"]):
        raise click.UsageError("--probe belongs to --dry-run and --verify, and --retain to --swap.")
    if sample is not None and chosen != ["rehearse"]:
        raise click.UsageError("--sample belongs to --rehearse.")
    asked = Asked(layout, plan, probe, retain, sample, confirmed, as_json, execution)
    _DO[chosen[0]](load_settings(env_file), asked)


def _status(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> tuple[Chunks, Standing, tuple[Gate, ...]]:
        service = services.repartition
        return await services.migrations.chunks(), await service.standing(), (await service.proven()).board

    found, standing, board = with_services(settings, call)
    said = {**status_said(found), "repartition": standing, "board": gates_said(board)}
    emit(said, asked.as_json, lambda: [*status_lines(found), *standing_lines(standing), *gate_lines(board)])
    finish(found.runs.problem)


# Before


def _dry_run(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> tuple[Plan, Preflight]:
        agreed = consent(asked.confirmed) if asked.probe else None
        return await services.repartition_changes.planned(asked.layout, agreed)

    plan, found = with_services(settings, call)
    emit(_dry_run_said(plan, found), asked.as_json, lambda: _dry_run_lines(plan, found))
    click.get_current_context().exit(_gate_code(found))


def _gate_code(found: Preflight) -> ExitCode:
    from backends.migrations.repartition.gates import Status

    return {Status.OK: ExitCode.OK, Status.WARNING: ExitCode.WARNING, Status.RED: ExitCode.REFUSED}[found.worst]


def _dry_run_said(plan: Plan, found: Preflight) -> dict[str, Any]:
    return {
        "plan": plan.hash,
        "layout": {"from": found.layout_from, "to": found.layout_to},
        "rows": found.rows,
        "gates": gates_said(found.gates),
        "dependants": found.dependants,
        "skew": {**found.skew, "partitions": found.partitions},
    }


def _dry_run_lines(plan: Plan, found: Preflight) -> list[str]:
    coming = [f"{each['kind']}  {each['name']}" for each in found.dependants]
    return [
        f"layout  {found.layout_from} → {found.layout_to}",
        f"rows    {found.rows_said}",
        f"skew    {_skew_said(found)}",
        f"plan    {plan.hash} (good to start from until {plan.expires_at:%H:%M} UTC)",
        *gate_lines(found.gates),
        "",
        *heat_lines("rows of each partition today:", [str(each) for each in found.partitions.values()]),
        *(["comes along:", *coming] if coming else []),
    ]


def _skew_said(found: Preflight) -> str:
    """Of the partitions as they are, and of the new ones, beside what chance gives."""
    today, new, chance = (found.skew[name] for name in ("today", "skew", "by_chance"))
    said = [f"{name} {value:.2f}" for name, value in (("today", today), ("new", new), ("by chance", chance)) if value]
    return ", ".join(said) or "no rows"


def _rehearse(settings: Settings, asked: Asked) -> None:
    from backends.migrations.repartition.cloning import ROWS

    async def call(services: Services) -> Rehearsed:
        agreed, rows = consent(asked.confirmed), asked.sample or ROWS
        return await services.repartition_changes.rehearse(agreed, asked.layout, rows)

    found = with_services(settings, call)
    emit(found, asked.as_json, lambda: [found.said])
    if not found.passed:
        say(found.said)
        click.get_current_context().exit(ExitCode.VERIFICATION_FAILED)


# Runs


def _execute(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> Verdict:
        agreed = consent(asked.confirmed)
        plan, tried = await services.repartition_changes.to_start(asked.layout, asked.plan, agreed, _heard)
        run = services.repartition.new_run(plan, utc_now(), tried)
        return await _run(services, asked, run, "chunks.execute")

    report(with_services(settings, call), asked.as_json)


def _heard(gate: Gate) -> None:
    say(f"{gate.status.value}: {gate.why}")


async def _run(services: Services, asked: Asked, run: Any, act: str) -> Verdict:
    from console.cli.progress import Shown

    agreed, store = consent(asked.confirmed), services.chunks_runs
    created = await services.runner(store, Shown()).create(run, act, agreed)
    return await execute(services, store, created.id, agreed, asked.execution, supersedes=False)


def _swap(settings: Settings, asked: Asked) -> None:
    from backends.migrations.repartition.book import RETAIN_H, Stage

    async def call(services: Services) -> Verdict | str:
        service, agreed = services.repartition, consent(asked.confirmed)
        if (await service.newest()).stage is Stage.SWAPPED and asked.retain is not None:
            async with services.gate.act(service.act("retain"), agreed) as token:
                return f"{await service.extend(token, asked.retain):%Y-%m-%d %H:%M} UTC"
        run_id = (await service.to_swap()).run_id

        async def order() -> None:
            async with services.gate.act(service.act("swap"), agreed) as token:
                await service.order_swap(token, RETAIN_H if asked.retain is None else asked.retain)

        return await execute(services, services.chunks_runs, run_id, agreed, asked.execution, order)

    done = with_services(settings, call)
    if isinstance(done, str):
        emit({"retention_until": done}, asked.as_json, lambda: [f"kept until {done}"])
        return
    report(done, asked.as_json)


def _rollback(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> Verdict:
        service = services.repartition
        run = service.undo_run(await service.newest(), utc_now())
        return await _run(services, asked, run, "chunks.rollback")

    report(with_services(settings, call), asked.as_json)


# After


def _verify(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> tuple[Migration, Comparison, tuple[Gate, ...], Gain | None]:
        service = services.repartition
        migration, found = await service.verify()
        inserts = (await service.standing()).inserts
        if asked.probe:
            async with services.gate.act(service.probe_act(), consent(asked.confirmed)) as token:
                await services.repartition_changes.write_everywhere(token)
        return migration, found, (await service.proven()).board, inserts

    migration, found, board, inserts = with_services(settings, call)
    said = {**_verify_said(migration, found), "inserts": inserts, "board": gates_said(board)}
    timed = [f"an insert: {inserts.short}"] if inserts is not None and not board else []
    emit(said, asked.as_json, lambda: [*_verify_lines(migration, found), *timed, *gate_lines(board)])
    red = [gate.why for gate in board if gate.status.value == "red"]
    if red or not found.ok:
        say("; ".join([*([] if found.ok else [found.said]), *red]))
        click.get_current_context().exit(ExitCode.VERIFICATION_FAILED)


def _verify_said(migration: Migration, found: Comparison) -> dict[str, Any]:
    return {
        "state": migration.stage.value,
        "old_rows": found.old_rows,
        "new_rows": found.new_rows,
        "missing": found.missing,
        "extra": found.extra,
        "different": found.different,
        "changing": found.logged,
        "by_collection": found.by_collection,
        "reads": found.reads,
        "problems": found.problems,
    }


def _verify_lines(migration: Migration, found: Comparison) -> list[str]:
    rows: list[tuple[str, ...]] = [("collection", "old", "new", "missing", "extra", "different")]
    for each in found.by_collection:
        numbers = (each.old_rows, each.new_rows, each.missing, each.extra, each.different)
        rows.append((each.collection_id, *map(str, numbers)))
    reads = [f"read by {each.said}" for each in found.reads]
    return [f"{migration.stage.value}: {found.said}", *(columns(rows) if found.by_collection else []), *reads]


def _drop_backup(settings: Settings, asked: Asked) -> None:
    async def call(services: Services) -> tuple[str, ...]:
        service = services.repartition
        async with services.gate.act(service.act("drop_backup"), consent(asked.confirmed)) as token:
            dropped = await service.drop_backup(token)
            token.outcome(statements=len(dropped))
            return dropped

    dropped = with_services(settings, call)
    emit({"dropped": dropped}, asked.as_json, lambda: list(dropped))


_DO: Final[dict[str, Callable[[Settings, Asked], None]]] = {
    "status": _status,
    "dry_run": _dry_run,
    "rehearse": _rehearse,
    "execute": _execute,
    "swap": _swap,
    "verify": _verify,
    "rollback": _rollback,
    "drop_backup": _drop_backup,
}
