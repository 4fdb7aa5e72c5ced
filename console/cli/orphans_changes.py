"""`olorin orphans clean | restore | verify | exempt`: what changes something, or proves that nothing was lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from backends.clients.errors import BackendError, Refused
from backends.orphans.clean_model import COUNTS, LONGEST_GRACE_DAYS, QUARANTINE_DAYS, CleanOptions, CleanPlan
from backends.orphans.exemptions import KINDS, Kind
from backends.orphans.graph import reference_graph
from backends.orphans.model import GRACE
from backends.sampling.jsonable import jsonable, to_json
from backends.sampling.reading import utc_now
from console.cli.consenting import confirm_option, consent
from console.cli.executing import Execution, carried_out, execution_options, report
from console.cli.exit_codes import ExitCode
from console.cli.orphans_scanning import left_of, scan_here
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.orphans.model import ToIndex
    from backends.orphans.verifying import CollectionProof
    from backends.runs.runner import Verdict
    from console.wiring import Services

COLLECTIONS: Final = tuple(dict.fromkeys(each.collection for each in reference_graph("content")))
PLANNED: Final = {
    "collection": "--collection", "grace_days": "--grace-days", "most": "--max", "suspended": "--suspended",
    "quarantine_days": "--quarantine-days",
}  # fmt: skip
"""The options that a plan is made with."""

PLAN_KEYS: Final = ("name", "children", "parents", "planned", "percent", "size_bytes")


@click.command()
@click.option("--dry-run", is_flag=True, help="Scan, and make the plan: the list of what would be removed.")
@click.option("--execute", "execute_", is_flag=True, help="Remove what the plan lists, into quarantine.")
@click.option(
    "--plan", "plan_hash", default="", metavar="HASH", help="The plan to carry out, as it was made; else a fresh one."
)
@click.option("--collection", type=click.Choice(COLLECTIONS), default=None, help="Only this collection.")
@click.option("--grace-days", type=click.IntRange(0, LONGEST_GRACE_DAYS), default=GRACE.days, show_default=True,
    help="Leave orphans alone that are younger.")  # fmt: skip
@click.option("--max", "most", type=click.IntRange(1), default=None, metavar="N", help="Remove at most N documents.")
@click.option("--suspended", multiple=True, metavar="PARTNER", help="Clean this suspended partner's documents too.")
@click.option("--quarantine-days", type=click.IntRange(1), default=QUARANTINE_DAYS, show_default=True,
    help="How long what is removed can be restored.")  # fmt: skip
@click.option("--confirm-share", type=click.IntRange(0, 100), default=None, metavar="PERCENT",
    help="Confirm that so much of a collection goes, where it is more than half.")  # fmt: skip
@execution_options
@confirm_option
@reporting
def clean(
    dry_run: bool,
    execute_: bool,
    plan_hash: str,
    collection: str | None,
    grace_days: int,
    most: int | None,
    suspended: tuple[str, ...],
    quarantine_days: int,
    confirm_share: int | None,
    execution: Execution,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Remove orphans that are past their grace, into quarantine.

    JSON of --dry-run: {"plan", "expires_at", "planned", "references": [{"name", "children", "parents", "planned",
    "percent", "size_bytes", "left_out": {REASON: DOCUMENTS}}], "left_out_file", "refusals": [{"why", "hint"}],
    "quarantines": [WHAT_BECOMES_OF_ONE_WHOSE_TIME_IS_OVER]}.
    Of --execute: the verdict, whose counts are planned, deleted, quarantined, reappeared, skipped, failed; its state is
    "not begun" where no run was (run_id is "" then). Where the scan before either was stopped (--max-minutes counts
    from its start): the verdict of the scan.
    """
    if dry_run == execute_:
        raise click.UsageError("Give exactly one of --dry-run and --execute.")
    options = CleanOptions(collection or "", grace_days, most, tuple(suspended), quarantine_days=quarantine_days)

    left, asked = left_of(execution), _asked()

    async def made(services: Services) -> CleanPlan | Verdict:
        if plan_hash:
            return _made_with(asked, await services.cleaning.load(plan_hash, confirmed_percent=confirm_share))
        verdict, scan = await scan_here(services, left())
        if scan is None:
            return _counted(verdict, 0)
        return await services.cleaning.dry_run(options, scan, confirmed_percent=confirm_share)

    async def call(services: Services) -> CleanPlan | Verdict:
        services.cleaning.check()
        found = await made(services)
        if not isinstance(found, CleanPlan):
            return found
        say(f"plan {found.plan.hash}: {found.planned:,} documents")
        for words in found.quarantines:
            say(words)
        run = services.cleaning.clean_run(found)
        return _counted(await carried_out(services, run, consent(confirmed), left()), found.planned)

    with _one_verdict(execute_ and as_json):
        ended = with_services(load_settings(env_file), call if execute_ else made)
    if isinstance(ended, CleanPlan):
        _report_plan(ended, as_json)
    else:
        report(ended, as_json)


def _counted(verdict: Verdict, planned: int) -> Verdict:
    """The verdict with a clean-up's counts, also where it was ended before it counted anything."""
    return replace(verdict, counts={**dict.fromkeys(COUNTS, 0), "planned": planned, **verdict.counts})


@contextmanager
def _one_verdict(wanted: bool) -> Iterator[None]:
    """Prints a verdict of what kept a clean-up from beginning too: whoever keeps one a night finds no night without."""
    from backends.runs.runner import Verdict

    try:
        yield
    except BackendError as error:
        if wanted:
            why = f"{error.message} {error.hint}".rstrip()
            click.echo(to_json(Verdict("", "not begun", why, dict.fromkeys(COUNTS, 0)).said()))
        raise


def _asked() -> dict[str, object]:
    """Those of the options that a plan is made with which were given, by their names in it."""
    context = click.get_current_context()
    given = (each for each in PLANNED if context.get_parameter_source(each) is not ParameterSource.DEFAULT)
    return {each: context.params[each] for each in given}


def _made_with(asked: Mapping[str, object], plan: CleanPlan) -> CleanPlan:
    """The plan. Raises Refused where something else was asked for beside it than it was made with."""
    had = plan.plan.body["options"]
    other = [PLANNED[name] for name, value in asked.items() if jsonable(value) != had[name]]
    if other:
        hint = "Leave it out to carry out the plan as it is, or make a new one with --dry-run."
        raise Refused(f"The plan {plan.plan.hash[:12]} was made with another {' and '.join(other)}.", hint=hint)
    return plan


def _report_plan(found: CleanPlan, as_json: bool) -> None:
    rows = [{key: getattr(each, key) for key in PLAN_KEYS} | {"left_out": each.left_out} for each in found.references]
    answer = {
        "plan": found.plan.hash,
        "expires_at": found.plan.expires_at,
        "planned": found.planned,
        "references": rows,
        "left_out_file": found.left_out,
        "refusals": [{"why": why, "hint": hint} for why, hint in found.refusals],
        "quarantines": found.quarantines,
    }
    emit(answer, as_json, lambda: _plan_lines(found, rows))
    for why, hint in found.refusals:
        say(f"refused as things stand: {why} {hint}")
    if not as_json:
        say(f"left out, one by one: {found.left_out}")
        say(f"carry it out: olorin orphans clean --execute --plan {found.plan.hash[:12]}")


def _plan_lines(found: CleanPlan, rows: list[dict[str, Any]]) -> list[str]:
    table = [PLAN_KEYS, *(tuple(str(row[key]) for key in PLAN_KEYS) for row in rows)]
    reasons = [
        f"{each.name}: left out {documents:,} ({reason})"
        for each in found.references
        for reason, documents in each.left_out.items()
    ]
    return [
        f"plan {found.plan.hash}, good until {found.plan.expires_at:%H:%M:%S} UTC",
        *columns(table),
        *reasons,
        *found.quarantines,
    ]


@click.command()
@click.argument("run_id", metavar="RUN_ID")
@click.option("--parent", default="", metavar="ID", help="Only the documents of this parent.")
@click.option("--document", default="", metavar="ID", help="Only this document: 24 digits, or extended JSON.")
@click.option("--collection", type=click.Choice(COLLECTIONS), default=None, help="Only this collection.")
@execution_options
@confirm_option
@reporting
def restore(
    run_id: str,
    parent: str,
    document: str,
    collection: str | None,
    execution: Execution,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """Restore what the clean-up RUN_ID removed: all of it, a parent's documents, or one document.

    The verdict's counts are restored, same (there already), conflict (another document is there, left as it is), and
    parent_missing: those of the restored whose parent is still missing.
    """
    from backends.orphans.cleaning import document_key

    key = document_key(document) if document else ""

    async def call(services: Services) -> Verdict:
        run = await services.cleaning.restore_run(run_id, parent=parent, document=key, collection=collection or "")
        return await carried_out(services, run, consent(confirmed), execution)

    report(with_services(load_settings(env_file), call), as_json)


@click.command()
@click.argument("run_id", metavar="[RUN_ID]", default="")
@reporting
def verify(run_id: str, env_file: Path | None, as_json: bool) -> None:
    """Prove the newest clean-up that removed anything (or RUN_ID): its quarantine is whole, what was restored the same.

    JSON: {"run_id", "state": "ok" | "failed", "collections": [{"name", "quarantined", "whole", "damaged", "absent",
    "restored", "conflict", "unexpected", "gone"}], "skipped": [{"collection", "id", "why"}], "to_index": [CONTENT_ID]}.
    to_index: contents that came back, and are to be embedded again. Exit 0, or 11.
    """

    async def call(services: Services) -> tuple[str, list[CollectionProof], list[dict[str, Any]], ToIndex]:
        run, proofs = await services.cleaning.verify(run_id)
        return run, proofs, await services.cleaning.skipped(run), await services.orphans.to_index(run)

    run, proofs, left, back = with_services(load_settings(env_file), call)
    ok = all(each.ok for each in proofs)
    answer = {"run_id": run, "state": "ok" if ok else "failed", "collections": proofs, "skipped": left}
    again = [f"to be embedded again: olorin content embed --content-id {each}" for each in back.contents]
    emit(
        {**answer, "to_index": back.contents},
        as_json,
        lambda: [f"{run} {answer['state']}", *(_proof_line(each) for each in proofs), *again],
    )
    click.get_current_context().exit(ExitCode.OK if ok else ExitCode.VERIFICATION_FAILED)


def _proof_line(proof: CollectionProof) -> str:
    counts = {name: value for name, value in jsonable(proof).items() if name != "name"}
    return f"{proof.name}: " + ", ".join(f"{name} {value:,}" for name, value in counts.items())


def _days(_: click.Context, __: click.Parameter, days: int | None) -> datetime | None:
    return None if days is None else utc_now() + timedelta(days=days)


@click.command()
@click.option("--list", "list_", is_flag=True, help="List the exemptions; changes nothing.")
@click.option("--remove", default="", metavar="EXEMPTION", help="End this exemption.")
@click.option("--collection", type=click.Choice(COLLECTIONS), default=None, help="The collection of the documents.")
@click.option("--document", default="", metavar="ID", help="Exempt this document: 24 digits, or extended JSON.")
@click.option("--parent", default="", metavar="ID", help="Exempt the documents of this parent.")
@click.option("--filter", default="", metavar="JSON", help="Exempt the documents that this filter finds.")
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--reason", default="", help="Why these orphans are intentional.")
@click.option("--expires-days", "expires_at", type=click.IntRange(1), callback=_days, default=None, metavar="DAYS",
    help="Until when it holds; without, until it is removed.")  # fmt: skip
@confirm_option
@reporting
def exempt(
    list_: bool,
    remove: str,
    collection: str | None,
    owner: str,
    reason: str,
    expires_at: datetime | None,
    confirmed: str,
    env_file: Path | None,
    as_json: bool,
    **given: str,
) -> None:
    """Exempt intentional orphans from every clean-up.

    JSON: {"exemptions": [{"id", "collection", "kind", "value", "owner", "reason", "made_at", "expires_at"}]}
    """
    named: list[tuple[Kind, str]] = [(kind, given[kind]) for kind in KINDS if given[kind]]
    if sum((list_, bool(remove), bool(named))) != 1 or len(named) > 1:
        raise click.UsageError("Give exactly one of --list, --remove, --document, --parent and --filter.")
    if named and not (collection and owner and reason):
        raise click.UsageError("An exemption needs --collection, --owner and --reason.")

    async def call(services: Services) -> list[dict[str, object]]:
        book = services.orphans.exemptions
        if remove:
            async with services.gate.act(book.act(remove=remove), consent(confirmed)) as token:
                await book.remove(token, remove)
        elif named and collection:
            said = {"collection": collection, named[0][0]: named[0][1], "owner": owner, "reason": reason}
            async with services.gate.act(book.act(**said), consent(confirmed)) as token:
                await book.add(token, collection, *named[0], owner=owner, reason=reason, expires_at=expires_at)
        return [each.shown() for each in await book.all()]

    found = with_services(load_settings(env_file), call)
    keys = ("id", "collection", "kind", "value", "owner", "reason", "expires_at")
    emit(
        {"exemptions": found},
        as_json,
        lambda: columns([keys, *(tuple(str(row[key]) for key in keys) for row in found)]),
    )
