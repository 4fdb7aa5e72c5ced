"""`olorin bots`: the sessions, one session, and the health of the services that bots need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.bots_changes import cleanup, extend, request, restart, stop
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.bots.cursors import Cursor
    from backends.bots.flow import Flow
    from backends.bots.model import Session, Sessions, Stray
    from backends.bots.monitor import HealthReport
    from backends.bots.page import SessionPage, Statistics
    from backends.bots.pipeline import Pipeline


@click.group()
def bots() -> None:
    """Bot sessions of the orchestration service."""


for _command in (stop, restart, extend, request, cleanup):
    bots.add_command(_command)


@bots.command("list")
@click.option("--status", default=None, help="Only sessions of this status, as it is shown.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Sessions at most.")
@click.option("--after", default=None, metavar="CURSOR", help="Continue after a page: what its `next` said.")
@reporting
def list_(env_file: Path | None, as_json: bool, status: str | None, limit: int, after: str | None) -> None:
    """Sessions, newest first, and how many there are of each status."""
    from console.settings import load_settings

    cursor = _cursor(after)
    page = with_services(load_settings(env_file), lambda services: services.bots.list(status, limit, cursor))
    emit(_list_report(page), as_json, lambda: _list_lines(page))
    _say_missing(page.missing)


@bots.command()
@click.argument("session_id")
@reporting
def show(env_file: Path | None, as_json: bool, session_id: str) -> None:
    """One session: its totals, its statuses in time, who was there, what happened."""
    from console.settings import load_settings

    async def read(services: Any) -> tuple[SessionPage, Statistics, Flow]:
        bots = services.bots
        return await bots.session(session_id), await bots.statistics(session_id), await bots.flow(session_id)

    page, statistics, flow = with_services(load_settings(env_file), read)
    page = replace(page, findings=(*page.findings, *flow.audio.findings))
    emit(_show_report(page, statistics), as_json, lambda: _show_lines(page, statistics, flow))
    _say_missing(dict.fromkeys((*page.missing, *flow.missing)))


@bots.command()
@reporting
def health(env_file: Path | None, as_json: bool) -> None:
    """Whisper, translation, orchestration and both databases: exits 0, 1, 2 or 3 with the worst of them."""
    from console.settings import load_settings

    report = with_services(load_settings(env_file), lambda services: services.bots_health.check_thoroughly())
    emit(_health_report(report), as_json, lambda: _health_lines(report))
    click.get_current_context().exit(_health_code(report))


def _cursor(text: str | None) -> Cursor | None:
    from backends.bots.cursors import Cursor, CursorInvalid

    try:
        cursor = None if text is None else Cursor.parse(text)
    except CursorInvalid as error:
        raise click.BadParameter(str(error), param_hint="--after") from None
    if cursor is not None and cursor.time is None:
        raise click.BadParameter("every session has a time; pass what `next` said", param_hint="--after")
    return cursor


def _list_report(page: Sessions) -> dict[str, Any]:
    sessions = [_row(session) for session in page.sessions] + [_stray_row(stray) for stray in page.strays]
    return {"sessions": sessions, "counts": page.counts, "next": page.next}


def _row(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "bot_id": session.bot_id,
        "platform": session.platform,
        "status": session.status,
        "recovering": session.recovering,
        "age_s": session.age_s,
        "in_state_s": session.in_state_s,
        "health": session.health.state,
        "words": session.words,
        "languages": session.languages,
        "findings": session.findings,
    }


def _stray_row(stray: Stray) -> dict[str, Any]:
    """A bot that the service runs and no session tells of, in the same columns."""
    return {
        "session_id": stray.session_id or None,
        "bot_id": stray.bot_id,
        "platform": stray.platform,
        "status": stray.status,
        "recovering": None,
        "age_s": stray.age_s,
        "in_state_s": None,
        "health": "unknown",
        "words": None,
        "languages": (),
        "findings": (stray.finding,),
    }


def _list_lines(page: Sessions) -> list[str]:
    head = ("SESSION", "STATUS", "AGE", "IN STATE", "HEALTH", "PLATFORM", "WORDS", "LANGUAGES", "FINDINGS", "BOT")
    rows: list[tuple[str, ...]] = [
        (
            session.session_id,
            session.status + (" (recovering)" if session.recovering else ""),
            _length(session.age_s),
            _length(session.in_state_s),
            session.health.state.value,
            session.platform,
            _number(session.words),
            ",".join(session.languages),
            ", ".join(dict.fromkeys(finding.kind for finding in session.findings)),
            session.bot_id,
        )
        for session in page.sessions
    ]
    rows += [_stray_cells(stray) for stray in page.strays]
    counts = ", ".join(f"{number} {status}" for status, number in page.counts.items() if number)
    more = [f"more: --after {page.next}"] if page.next else []
    return [*columns([head, *rows]), "", f"{page.total} sessions: {counts or 'none'}", *more]


def _stray_cells(stray: Stray) -> tuple[str, ...]:
    known = (stray.session_id, stray.status, _length(stray.age_s), "-", "unknown", stray.platform)
    return (*known, "no data", "", stray.finding.kind, stray.bot_id)


def _show_report(page: SessionPage, statistics: Statistics) -> dict[str, Any]:
    return {
        "session": page.session,
        "statistics": statistics,
        "timeline": page.timeline,
        "participants": page.participants or (),
        "events": (*(page.events or ()), *page.grave),
        "findings": page.findings,
    }


def _show_lines(page: SessionPage, statistics: Statistics, flow: Flow) -> list[str]:
    from backends.sampling.jsonable import jsonable

    session = page.session
    facts = [(name, _text(value)) for name, value in jsonable(session).items() if name not in {"health", "findings"}]
    totals = [(name, _text(value)) for name, value in jsonable(statistics).items() if name != "session_id"]
    score = "no data" if session.health.score is None else f"{session.health.score:.2f} ({session.health.band})"
    health = [("health", f"{session.health.state.value}, platform's score {score}")]
    health += [(f"  {factor.name}", f"{factor.health.value}: {factor.why}") for factor in session.health.factors]
    spans = [(_moment(span.since), span.status, _length(span.seconds)) for span in page.timeline]
    people = [(each.name, each.email, _length(each.speaking_time)) for each in page.participants or ()]
    events = [
        (_moment(each.at), each.severity, each.type, each.name, each.data)
        for each in (*(page.events or ()), *page.grave)
    ]
    wrong = [(finding.severity.value, finding.kind, finding.what) for finding in page.findings]
    parts: list[tuple[str, Sequence[tuple[str, ...]]]] = [
        ("SESSION", [*facts, *health]),
        ("FINDINGS", wrong),
        ("STATISTICS", totals),
        ("PIPELINE", _pipeline_rows(flow.pipeline)),
        ("TIMELINE", spans),
        (f"PARTICIPANTS{' (the first of more)' if page.more_participants else ''}", people),
        (f"EVENTS{' (the newest of more, and the gravest before)' if page.more_events else ''}", events),
    ]
    return [line for title, rows in parts for line in (title, *(columns(rows) if rows else ["none"]), "")][:-1]


def _pipeline_rows(pipeline: Pipeline) -> list[tuple[str, ...]]:
    """Each step with what did not go on from it, and each stage of the processing with its latency."""
    rows: list[tuple[str, ...]] = []
    for step, arrow in zip_longest(pipeline.steps, pipeline.arrows):
        word = "of the lines without a match" if step.name == "translation" else "lost after it"
        lost = "" if arrow is None or arrow.loss is None else f"{arrow.loss:.0%} {word}"
        lag = "" if arrow is None or arrow.lag_s is None else f"the next is {_length(arrow.lag_s)} behind"
        rows.append((step.name, _number(step.number), lost, lag))
    for stage in pipeline.stages or ():
        told = f"{stage.bypassed} bypassed, {stage.errors} errors, {stage.late} late"
        rows.append(
            (stage.name, f"{stage.number:,}", f"p95 {_text(stage.p95_ms)} ms, p99 {_text(stage.p99_ms)} ms", told)
        )
    if pipeline.chunks is not None and pipeline.chunks.number:
        factor = f"{_text(pipeline.chunks.factor)}, p95 {_text(pipeline.chunks.factor_p95)}"
        rows.append(("real-time factor", factor, f"{pipeline.chunks.warnings} warnings", ""))
    return rows


def _health_report(report: HealthReport) -> dict[str, Any]:
    fields = ("name", "status", "response_ms", "failures", "last_error")
    services = [{field: getattr(service, field) for field in fields} for service in report.services]
    return {"overall": report.overall, "services": services}


def _health_lines(report: HealthReport) -> list[str]:
    head = ("SERVICE", "STATUS", "RESPONSE", "FAILURES", "LAST ERROR")
    rows = [
        (
            service.name,
            service.status,
            "" if service.response_ms is None else f"{service.response_ms:.1f} ms",
            str(service.failures),
            service.last_error or "",
        )
        for service in report.services
    ]
    return [*columns([head, *rows]), "", f"overall: {report.overall.value}"]


def _health_code(report: HealthReport) -> ExitCode:
    from backends.bots.model import Health

    codes = {Health.HEALTHY: ExitCode.OK, Health.UNHEALTHY: ExitCode.CRITICAL, Health.UNKNOWN: ExitCode.UNKNOWN}
    return codes.get(report.overall, ExitCode.WARNING)


def _say_missing(missing: Iterable[str]) -> None:
    for sentence in missing:
        say(f"olorin: {sentence}")


def _length(seconds: float | None) -> str:
    from backends.bots.rules import minutes

    return "-" if seconds is None else minutes(seconds)


def _number(value: int | None) -> str:
    return "no data" if value is None else f"{value:,}"


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}Z"


def _text(value: object) -> str:
    """A value of a report as a person reads it; what can't be told is "no data"."""
    if value is None:
        return "no data"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items()) or "none"
    return str(value)
