"""`olorin audit`: who changed what, and whether the log of it is whole. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from backends.safety.audited import Filter, audited, since
from backends.safety.comparing import compare
from backends.sampling.reading import utc_now
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from backends.safety.audited import AuditedAct
    from backends.safety.chain import Chain


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    try:
        return since(text, utc_now()) if text else None
    except (ValueError, OverflowError):
        raise click.BadParameter("a time such as 2026-01-31T03:00, or an age such as 90m, 24h, 7d") from None


@click.command()
@click.option("--user", default="", help="Only what this user did.")
@click.option("--action", default="", help="Only this action (runs.pause), or those of one capability (runs).")
@click.option("--since", "since_", callback=_since, help="Only since this time (UTC), or this age: 90m, 24h, 7d.")
@click.option("--run", "run_id", default="", metavar="ID", help="Only what belongs to this run.")
@reporting
def audit(user: str, action: str, since_: datetime | None, run_id: str, env_file: Path | None, as_json: bool) -> None:
    """Who changed what, and whether the log of it is whole (11 where it is broken).

    The log is compared with what the databases keep of it. What was never kept there, or was removed there too, can't
    be missed.
    """
    found = with_services(load_settings(env_file), lambda services: compare(services.audit, services.mirrors))
    chain, acts = found.chain, audited(found.chain, Filter(user, action, since_, run_id))
    report = {"entries": acts, "chain": "whole" if chain.whole else "broken", "broken_at": chain.broken_at}
    emit(report, as_json, lambda: _table(acts))
    for where, why in found.unheard.items():
        say(f"not compared with {where}: {why}")
    _judge(chain, sum(found.beside.values()))


def _judge(chain: Chain, beside: int) -> None:
    if chain.whole:
        say(f"the chain is whole: {len(chain.entries):,} lines, {beside:,} of them kept in databases too")
        return
    say(f"the chain is broken at line {chain.broken_at}: {chain.why}")
    say("what stands above is the part before it; nothing after it can be trusted")
    click.get_current_context().exit(ExitCode.VERIFICATION_FAILED)


def _table(acts: list[AuditedAct]) -> list[str]:
    rows = [(each.at[:19], _who(each), each.action, each.outcome, each.run_id, each.target) for each in acts]
    return columns([("at (UTC)", "user", "action", "outcome", "run", "target"), *rows])


def _who(act: AuditedAct) -> str:
    return f"{act.user}@{act.host}" + (f" from {act.ssh_client}" if act.ssh_client else "")
