"""What the three migrations' commands share: how they end, and how runs are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.cli.exit_codes import ExitCode, problem_code
from console.cli.reporting import columns, say

if TYPE_CHECKING:
    from backends.migrations.model import Runs
    from backends.sampling.reading import Problem


def runs_report(found: Runs) -> list[dict[str, Any]] | None:
    """The runs as JSON; None where they could not be read."""
    if found.problem is not None:
        return None
    return [
        {
            "id": run.id,
            "kind": run.kind,
            "state": run.state,
            "progress": run.share,
            "holder": run.holder,
            "since": run.since,
            "why": run.why,
        }
        for run in found.runs
    ]


def run_lines(found: Runs) -> list[str]:
    """The runs as text."""
    if found.problem is not None:
        return ["runs: no data"]
    if not found.runs:
        return ["no run yet"]
    rows = [("run", "kind", "state", "done", "holder", "since")]
    for run in found.runs:
        done = "?" if run.share is None else f"{run.share:.0%}"
        since = f"{run.since:%Y-%m-%d %H:%M:%S}" if run.since else "?"
        rows.append((run.id, run.kind, run.state, done, run.holder or "–", since))
    return columns(rows)


def cell(value: int | None) -> str:
    """A number, or that there is none."""
    return "no data" if value is None else str(value)


def index_count(values: tuple[str, ...] | None) -> str:
    """How many indexes, or that nobody knows."""
    return "?" if values is None else str(len(values))


def finish(*problems: Problem | None) -> None:
    """Says what could not be read, and ends with the code of the first of it."""
    unread = [problem for problem in problems if problem is not None]
    for problem in dict.fromkeys(unread):
        say(f"{problem.kind}: {problem.message} ({problem.where}) {problem.hint}".rstrip())
    click.get_current_context().exit(problem_code(unread[0]) if unread else ExitCode.OK)
