"""`olorin migrate olorin --soft-delete`: `deleted_at` and its index, as a plan of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.consenting import consent
from console.cli.executing import Execution, execute
from console.cli.executing import report as report_verdict
from console.cli.exit_codes import ExitCode
from console.cli.progress import Shown
from console.cli.reporting import emit, with_services
from console.cli.separation_report import gate_lines
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.migrations.olorin.model import SoftDelete
    from backends.runs.runner import Verdict
    from console.wiring import Services


def plan(env_file: Path | None, as_json: bool) -> None:
    """Says what would be done; writes nothing."""

    async def call(services: Services) -> SoftDelete:
        return await services.separation.soft_delete(services.settings.own.content_collection)

    found = with_services(load_settings(env_file), call)
    answer = {
        "plan": found.plan,
        "gates": [{"id": gate.id, "status": gate.status.value, "why": gate.why} for gate in found.gates],
        "collection": found.collection,
        "documents": found.documents,
        "missing": found.missing,
        "expired": found.expired,
    }
    emit(answer, as_json, lambda: _lines(found))
    codes = {"red": ExitCode.REFUSED, "warning": ExitCode.WARNING}
    click.get_current_context().exit(codes.get(found.light.value, ExitCode.OK))


def carry_out(
    undo: bool, plan_hash: str, execution: Execution, confirmed: str, env_file: Path | None, as_json: bool
) -> None:
    """Carries the plan out, or undoes it. plan_hash: of a dry run; "" for a plan of now."""

    async def call(services: Services) -> Verdict:
        agreed, store = consent(confirmed), services.main_store
        typed = bool(confirmed) and confirmed == services.gate.environment
        collection = services.settings.own.content_collection
        runner = services.runner(store, Shown())
        run_id = await services.separation.run_to_soft_delete(
            runner, store, agreed, collection, typed=typed, undo=undo, plan=plan_hash
        )
        return await execute(services, store, run_id, agreed, execution)

    report_verdict(with_services(load_settings(env_file), call), as_json)


def _lines(found: SoftDelete) -> list[str]:
    return [
        f"collection  {found.where} {found.collection}: {found.documents:,} documents",
        f"to set      deleted_at = null in {found.missing:,} documents that have none",
        f"at once     {found.expired:,} documents would be deleted by the index",
        "",
        *gate_lines(found.gates),
        "",
        f"plan        {found.plan}",
    ]
