"""`olorin migrate`: what would be migrated, and the state of any run. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from console.cli.exit_codes import ExitCode, problem_code
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.migrations.model import BotSchema, Chunks, MovingCollection, Runs, Separation
    from backends.sampling.reading import Problem

HEAT_COLUMNS: Final = 10
"""Partitions in one line of text."""


@click.group()
def migrate() -> None:
    """Migrations: what would be moved, and the state of any run."""


def one_mode(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the mode options, of which exactly one is to be given."""

    def chosen(context: click.Context, option: click.Parameter, given: bool) -> bool:
        if not given:
            raise click.UsageError("Give exactly one mode: --status.", context)
        return given

    help_ = "Say what is there, and what would be moved."
    return click.option("--status", is_flag=True, callback=chosen, expose_value=False, help=help_)(command)


@migrate.command()
@one_mode
@reporting
def olorin(env_file: Path | None, as_json: bool) -> None:
    """Olorin's collections, from the main database to Olorin's own."""
    found = with_services(load_settings(env_file), lambda services: services.migrations.olorin())
    emit(_separation(found), as_json, lambda: _separation_lines(found))
    _finish(found.source_problem, found.target_problem, found.runs.problem)


@migrate.command()
@one_mode
@reporting
def chunks(env_file: Path | None, as_json: bool) -> None:
    """The chunks table, to 100 partitions."""
    found = with_services(load_settings(env_file), lambda services: services.migrations.chunks())
    emit(_chunks(found), as_json, lambda: _chunks_lines(found))
    _finish(found.runs.problem)


@migrate.command()
@one_mode
@reporting
def schema(env_file: Path | None, as_json: bool) -> None:
    """The bot sessions' schema and its version."""
    found = with_services(load_settings(env_file), lambda services: services.migrations.schema())
    emit(_schema(found), as_json, lambda: _schema_lines(found))
    _finish(found.runs.problem)


def _finish(*problems: Problem | None) -> None:
    """Says what could not be read, and ends with the code of the first of it."""
    unread = [problem for problem in problems if problem is not None]
    for problem in dict.fromkeys(unread):
        say(f"{problem.kind}: {problem.message} ({problem.where}) {problem.hint}".rstrip())
    click.get_current_context().exit(problem_code(unread[0]) if unread else ExitCode.OK)


def _separation(found: Separation) -> dict[str, Any]:
    return {
        "flag": {True: "on", False: "off", None: "unclear"}[found.flag],
        "source": found.source,
        "target": found.target,
        "target_variable": found.target_variable,
        "same": found.same,
        "collections": [_collection(each, found.flag) for each in found.collections],
        "runs": _runs(found.runs),
    }


def _collection(moving: MovingCollection, flag: bool | None) -> dict[str, Any]:
    from backends.migrations.rules import collection_state

    return {
        "name": moving.name,
        "source": moving.source and moving.source.documents,
        "target": moving.target and moving.target.documents,
        "difference": moving.difference,
        "source_indexes": moving.source and moving.source.indexes,
        "target_indexes": moving.target and moving.target.indexes,
        "missing_indexes": moving.missing_indexes,
        "status": collection_state(moving, flag)[1],
    }


def _separation_lines(found: Separation) -> list[str]:
    answer = _separation(found)
    rows = [("collection", "source", "target", "difference", "indexes", "status")]
    for each in answer["collections"]:
        indexes = f"{_count(each['source_indexes'])} to {_count(each['target_indexes'])}"
        numbers = (_cell(each[key]) for key in ("source", "target", "difference"))
        rows.append((each["name"], *numbers, indexes, each["status"]))
    same = "  (the same database)" if found.same else ""
    return [
        f"separation  {answer['flag']}",
        f"source      {found.source}",
        f"target      {found.target or 'not configured'}{same}",
        "",
        *columns(rows),
        "",
        *_run_lines(found.runs),
    ]


def _chunks(found: Chunks) -> dict[str, Any]:
    return {
        "table": found.table,
        "layout": found.layout,
        "key": found.key,
        "formulas": [{"text": each.text, "where": each.where} for each in found.formulas],
        "triggers": found.triggers,
        "partitions": [
            {"name": each.name, "number": each.number, "rows": each.rows, "bytes": each.size_bytes}
            for each in found.partitions
        ],
        "rows": found.rows,
        "bytes": found.size_bytes,
        "skew": None if found.skew is None else round(found.skew, 3),
        "server_version": found.server_version,
        "runs": _runs(found.runs),
    }


def _chunks_lines(found: Chunks) -> list[str]:
    return [
        f"table    {found.table}",
        f"layout   {found.layout}",
        f"key      {found.key or 'none'}",
        *(f"formula  {each.text}  ({each.where})" for each in found.formulas),
        *(f"trigger  {each}" for each in found.triggers),
        f"rows     {_cell(found.rows)} (estimated)",
        f"bytes    {found.size_bytes}",
        f"skew     {'no data' if found.skew is None else f'{found.skew:.2f}'}",
        *_distribution(found),
        "",
        *_run_lines(found.runs),
    ]


def _distribution(found: Chunks) -> list[str]:
    """The rows of each partition, ten a line in the order of their names."""
    if not found.partitions:
        return []
    rows = [_cell(each.rows) for each in found.partitions]
    rows += [""] * (-len(rows) % HEAT_COLUMNS)
    lines = [tuple(rows[at : at + HEAT_COLUMNS]) for at in range(0, len(rows), HEAT_COLUMNS)]
    return ["", "rows of each partition:", *columns(lines)]


def _schema(found: BotSchema) -> dict[str, Any]:
    return {
        "revisions": found.revisions,
        "tables": [
            {"name": each.name, "present": each.present, "rows": each.rows, "bytes": each.size_bytes}
            for each in found.tables
        ],
        "runs": _runs(found.runs),
    }


def _schema_lines(found: BotSchema) -> list[str]:
    at = "no alembic_version table" if found.revisions is None else ", ".join(found.revisions) or "none"
    rows = [("table", "rows", "bytes")]
    for table in found.tables:
        rows.append((table.name, *((_cell(table.rows), _cell(table.size_bytes)) if table.present else ("absent", ""))))
    return [f"revision  {at}", "", *columns(rows), "", *_run_lines(found.runs)]


def _runs(found: Runs) -> list[dict[str, Any]] | None:
    if found.problem is not None:
        return None
    return [
        {
            "id": run.id,
            "kind": run.kind,
            "state": run.state,
            "progress": run.progress,
            "holder": run.holder,
            "since": run.since,
            "why": run.why,
        }
        for run in found.runs
    ]


def _run_lines(found: Runs) -> list[str]:
    if found.problem is not None:
        return ["runs: no data"]
    if not found.runs:
        return ["no run yet"]
    rows = [("run", "kind", "state", "done", "holder", "since")]
    for run in found.runs:
        done = "?" if run.progress is None else f"{run.progress:.0%}"
        since = f"{run.since:%Y-%m-%d %H:%M:%S}" if run.since else "?"
        rows.append((run.id, run.kind, run.state, done, run.holder or "–", since))
    return columns(rows)


def _cell(value: int | None) -> str:
    return "no data" if value is None else str(value)


def _count(values: tuple[str, ...] | None) -> str:
    return "?" if values is None else str(len(values))
