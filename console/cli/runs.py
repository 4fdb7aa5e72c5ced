"""`olorin runs`: any long run, from any machine: listed, shown, paused, resumed, stopped, slowed down, halted."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backends.runs.words import eta_words, takeover_words
from console.cli.consenting import confirm_option, consent
from console.cli.executing import Execution, execute, execution_options, report
from console.cli.exit_codes import ExitCode, problem_code
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.runs.model import Run
    from backends.runs.runner import Verdict
    from backends.runs.service import Heard, RunPage, RunsService
    from backends.runs.store import RunKey
    from backends.safety.gate import Token
    from console.wiring import Services


@click.group()
def runs() -> None:
    """Any long run, from any machine."""


why_option = click.option("--why", default="", help="The reason, kept with the run.")


@runs.command(name="list")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Runs in the answer.")
@click.option("--after", default=None, metavar="CURSOR", help="Go on after an earlier answer's `next`.")
@reporting
def list_(limit: int, after: str | None, env_file: Path | None, as_json: bool) -> None:
    """List runs, newest first.

    JSON: {"runs": [{"id", "kind", "state", "why", "where", "done", "total", "share", "eta_s", "holder", "since",
    "created_at"}], "next": CURSOR, "halted": [{"kind", "who", "why", "at"}], "unread": [...]}
    """
    start = _decoded(after) if after else None
    page = with_services(load_settings(env_file), lambda services: services.runs.page(limit, start))
    cursor = page.next and _encoded(page.next)
    rows = [_summary(run) for run in page.runs]
    answer = {"runs": rows, "next": cursor, "halted": page.halts, "unread": page.problems}
    emit(answer, as_json, lambda: _table(page))
    for halt in page.halts:
        say(f"{halt.kind} is halted by {halt.who}{': ' if halt.why else ''}{halt.why}")
    for problem in page.problems:
        say(f"{problem.kind}: {problem.message} ({problem.where}) {problem.hint}".rstrip())
    if cursor and not as_json:
        say(f"more: --after {cursor}")
    click.get_current_context().exit(problem_code(page.problems[0]) if page.problems else ExitCode.OK)


@runs.command()
@click.argument("run_id", metavar="ID")
@reporting
def show(run_id: str, env_file: Path | None, as_json: bool) -> None:
    """Show a run: its units, what it waits for, its history.

    JSON: the fields of `list`, and {"plan", "version", "options", "units": [{"name", "total", "done", "failed",
    "bytes", "rate"}], "counts", "batch", "lost_s", "waiting_for", "not_measured", "control", "silent_s", "history":
    [{"state", "at", "who", "why"}]}
    """
    run = with_services(load_settings(env_file), lambda services: services.runs.run(run_id))
    emit(_whole(run), as_json, lambda: _page(run))


@runs.command()
@click.argument("run_id", metavar="ID")
@why_option
@confirm_option
@reporting
def pause(run_id: str, why: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    """Let a run wait after its batch."""
    order = _ordering("pause", run_id, confirmed, lambda runs, token: runs.pause(token, run_id, why))
    _report_order(with_services(load_settings(env_file), order), as_json)


@runs.command()
@click.argument("run_id", metavar="ID")
@why_option
@confirm_option
@reporting
def stop(run_id: str, why: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    """End a run after its batch; it can be resumed."""
    order = _ordering("stop", run_id, confirmed, lambda runs, token: runs.stop(token, run_id, why))
    _report_order(with_services(load_settings(env_file), order), as_json)


@runs.command()
@click.argument("run_id", metavar="ID")
@click.option("--batch", type=click.IntRange(1), default=None, metavar="N", help="Items a batch at most.")
@click.option(
    "--pace", type=click.FloatRange(0, min_open=True), default=None, metavar="N", help="Items a second at most."
)
@confirm_option
@reporting
def throttle(
    run_id: str, batch: int | None, pace: float | None, confirmed: str, env_file: Path | None, as_json: bool
) -> None:
    """Slow a run down: what is given is changed; without --batch and --pace it finds its own speed again."""
    limits: dict[str, float | None] = {"batch": batch, "pace": pace}
    if any(limits.values()):
        limits = {name: limit for name, limit in limits.items() if limit is not None}
    order = _ordering("throttle", run_id, confirmed, lambda runs, token: runs.throttle(token, run_id, **limits))
    _report_order(with_services(load_settings(env_file), order), as_json)


@runs.command()
@click.argument("run_id", metavar="ID")
@click.option("--ordered", is_flag=True, hidden=True, help="A person's word before: obey what was ordered since.")
@execution_options
@confirm_option
@reporting
def resume(
    run_id: str, ordered: bool, execution: Execution, confirmed: str, env_file: Path | None, as_json: bool
) -> None:
    """Go on with a run: the one who executes it, if it waits; else here, to its end."""

    async def call(services: Services) -> Run | Verdict:
        store, run = await services.runs.found(run_id)
        if not ordered and await services.runs.waits_elsewhere(store, run):
            order = _ordering("resume", run_id, confirmed, lambda runs, token: runs.resume(token, run_id))
            return await order(services)
        return await execute(services, store, run_id, consent(confirmed), execution, supersedes=not ordered)

    ended = with_services(load_settings(env_file), call)
    from backends.runs.runner import Verdict

    if isinstance(ended, Verdict):
        report(ended, as_json)
    else:
        said = Verdict(run_id, ended.state, f"goes on, executed by {ended.holder}", ended.progress.counts)
        report(said, as_json)


@runs.command()
@click.argument("kind")
@click.option("--lift", is_flag=True, help="Let this kind run again.")
@why_option
@confirm_option
@reporting
def halt(kind: str, lift: bool, why: str, confirmed: str, env_file: Path | None, as_json: bool) -> None:
    """Stop every running job of KIND, and let none start (8) until it is lifted by its name.

    JSON: {"kind", "halted", "databases": [those that took it], "missing": [{"kind", "message", "where", "hint"}]};
    ends with 6 where a database could not be asked.
    """
    from console.jobs import JOBS

    if not lift and kind not in JOBS:
        raise click.UsageError(f"There is no kind {kind}: it is one of {', '.join(sorted(JOBS))}.")

    async def call(services: Services) -> Heard:
        runs, verb = services.runs, "lift" if lift else "halt"
        async with services.gate.act(await runs.halt_act(verb, kind), consent(confirmed)) as token:
            return await (runs.lift(token, kind) if lift else runs.halt(token, kind, why))

    heard = with_services(load_settings(env_file), call)
    said = "may run again" if lift else "is halted"
    answer = {"kind": kind, "halted": not lift, "databases": heard.took, "missing": heard.missing}
    emit(answer, as_json, lambda: [f"{kind} {said} in {where}" for where in heard.took])
    for problem in heard.missing:
        say(f"not known whether {kind} {said} in {problem.where}: {problem.message} {problem.hint}".rstrip())
    click.get_current_context().exit(ExitCode.CANNOT_CONNECT if heard.missing else ExitCode.OK)


def _ordering(
    verb: str, run_id: str, confirmed: str, order: Callable[[RunsService, Token], Awaitable[None]]
) -> Callable[[Services], Awaitable[Run]]:
    """A call that gives the order through the gate, and answers with the run as it was then."""

    async def call(services: Services) -> Run:
        store, run = await services.runs.found(run_id)
        async with services.gate.act(services.runs.act(verb, store, run), consent(confirmed)) as token:
            await order(services.runs, token)
        return await services.runs.run(run_id)

    return call


def _report_order(run: Run, as_json: bool) -> None:
    emit(_whole(run), as_json, lambda: [f"{run.id} {run.state}; wanted: {run.control.want.value}"])
    if run.holder is None:
        obeyed = f"until: olorin runs resume {run.id}" if run.control.want.value != "go" else "for whoever does next"
        say(f"nobody executes it; the order stands {obeyed}")


def _summary(run: Run) -> dict[str, Any]:
    from backends.runs.rules import run_eta_s

    names = ("id", "kind", "state", "why", "where", "done", "total", "share", "holder", "since", "created_at")
    return {name: getattr(run, name) for name in names} | {"eta_s": run_eta_s(run)}


def _whole(run: Run) -> dict[str, Any]:
    progress = run.progress
    names = ("plan", "version", "options", "control", "silent_s", "history")
    told = ("units", "counts", "batch", "lost_s", "waiting_for", "not_measured")
    return (
        _summary(run) | {name: getattr(run, name) for name in names} | {name: getattr(progress, name) for name in told}
    )


def _table(page: RunPage) -> list[str]:
    if not page.runs:
        return ["no run yet"]
    rows = [("run", "kind", "state", "done", "since", "holder", "why")]
    for run in page.runs:
        done = "?" if run.share is None else f"{run.share:.0%}"
        rows.append((run.id, run.kind, run.state, done, _at(run.since), run.holder or "–", run.why))
    return columns(rows)


def _page(run: Run) -> list[str]:
    from backends.runs.rules import run_eta_s

    progress = run.progress
    units = [("unit", "done", "of", "failed", "bytes", "a second")]
    for unit in progress.units:
        amounts = (f"{unit.done:,}", "?" if unit.total is None else f"{unit.total:,}", f"{unit.failed:,}")
        units.append((unit.name, *amounts, f"{unit.bytes:,}", "–" if unit.rate is None else f"{unit.rate:,.1f}"))
    facts = [
        ("run", f"{run.id}  {run.kind}  {run.where}"),
        ("state", f"{run.state} since {_at(run.since)}" + (f": {run.why}" if run.why else "")),
        ("holder", run.holder or "nobody"),
        *([("", takeover_words(run.extra_s))] if run.extra_s else []),
        ("left", eta_words(run_eta_s(run))),
        *[("lost", f"{lost:,.0f} s to {reason}") for reason, lost in progress.lost_s.items()],
        *[("", f"{each}: not measured") for each in progress.not_measured],
    ]
    history = [(_at(each.at), each.state, each.who, each.why) for each in run.history]
    return [*columns(facts), "", *columns(units), "", *columns([("at (UTC)", "state", "who", "why"), *history])]


def _at(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else "?"


def _encoded(key: RunKey) -> str:
    return base64.urlsafe_b64encode(json.dumps([key.created_at.isoformat(), key.id]).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> RunKey:
    """The key that a cursor stands for. Raises UsageError."""
    from backends.runs.store import RunKey

    try:
        at, run_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return RunKey(datetime.fromisoformat(at), str(run_id))
    except (ValueError, TypeError):
        raise click.UsageError("--after takes the `next` of an earlier answer.") from None
