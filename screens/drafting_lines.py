"""What the drafting screen says about a project and an answer: values in, parts of lines out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backends.clients.errors import BackendError
from backends.clients.model import ModelTarget
from backends.drafting.answer import Outcome, Waiting
from backends.drafting.costs import Price, cost
from backends.drafting.limit import Allowance
from backends.drafting.model import Kind, Project
from backends.drafting.review import watermark
from backends.drafting.rules import band, temperature
from backends.sampling.reading import Problem
from widgets.grid import Column, Row
from widgets.line import fitted
from widgets.panel import problem_lines
from widgets.tone import Cell, Part, Tone

COLUMNS: Final = (
    Column("project", 14, flexible=True),
    Column("bay", 5),
    Column("words", 7, align="right", drop=1),
)


NAME_CELLS: Final = 24
"""Cells of a title or a model's name in a line; longer ones are cut."""


@dataclass(frozen=True, slots=True)
class AnswerUnderWay:
    """An answer that is being waited for: since when, how much of it came, and the pause it is in, if any, and until
    when that lasts (times in UTC)."""

    since: datetime
    characters: int = 0
    pause: Waiting | None = None
    until: datetime | None = None

    def paused(self, pause: Waiting, now: datetime) -> AnswerUnderWay:
        """The answer as the pause begins."""
        return AnswerUnderWay(self.since, self.characters, pause, now + timedelta(seconds=pause.seconds))

    def grown(self, characters: int) -> AnswerUnderWay:
        """The answer with more text."""
        return AnswerUnderWay(self.since, self.characters + characters)


def project_row(project: Project) -> Row:
    """The project's row in the list."""
    bay = "–" if project.kind is Kind.WORKSPACE else project.bay.value
    title = project.title if project.kind is Kind.PROSE else Part(f"incident {project.title}", Tone.ACCENT)
    if project.kind is Kind.WORKSPACE:
        title = Part("workspace", Tone.MUTED)
    return Row(str(project.id), (title, Part(bay, Tone.MUTED), f"{project.words:,}"))


def heading(project: Project, *, reading_only: bool, unsaved: bool) -> tuple[Cell, ...]:
    """The project in one line: title, bay, whether saved, intensity with the temperature that follows, words."""
    state = Part(f"● saved {project.updated_at:%H:%M:%S}Z", Tone.MUTED)
    if reading_only:
        state = Part("▲ read-only", Tone.WARNING)
    elif unsaved:
        state = Part("◌ unsaved", Tone.WARNING)
    mark = watermark(project)
    review = Part("  ▲ not reviewed", Tone.WARNING) if mark else Part("  ● reviewed", Tone.OK)
    return (
        Part(f" {_short(project.title)}", Tone.STRONG),
        Part(f"  {'no project yet' if project.kind is Kind.WORKSPACE else project.bay.value}  ", Tone.ACCENT),
        state,
        *((review,) if project.kind is Kind.INCIDENT else ()),
        f"  {project.intensity:.2f} {band(project.intensity)}",
        Part(" → temp ", Tone.MUTED),
        f"{temperature(project.intensity):g}",
        Part(f"  {project.words:,} words", Tone.MUTED),
    )


def _short(name: str) -> str:
    return name if len(name) <= NAME_CELLS else fitted(name, NAME_CELLS)


def answer_line(
    model: ModelTarget | BackendError,
    allowance: Allowance | None,
    under_way: AnswerUnderWay | None,
    last: Outcome | None,
    now: datetime,
    prices: Sequence[Price] = (),
) -> tuple[Cell, ...]:
    """The model, what it is doing or did last, and what the limit leaves."""
    name = last.model if last else model.model if isinstance(model, ModelTarget) else "no model"
    middle = _progress(under_way, now) if under_way else _last(last, prices)
    return (Part(f" {_short(name)}", Tone.STRONG), "  ", *limit_parts(allowance), "  ", *middle)


def _progress(under_way: AnswerUnderWay, now: datetime) -> tuple[Cell, ...]:
    if under_way.pause is not None and under_way.until is not None:
        seconds = max(math.ceil((under_way.until - now).total_seconds()), 0)
        why = under_way.pause.problem.message if under_way.pause.problem else "the limit is used up"
        return (Part(f"◌ attempt {under_way.pause.attempt} in {seconds} s", Tone.WARNING), Part(f": {why}", Tone.MUTED))
    seconds = int((now - under_way.since).total_seconds())
    return (Part("▶ writing", Tone.ACCENT), f" {under_way.characters:,} characters, {seconds} s")


def _last(last: Outcome | None, prices: Sequence[Price]) -> tuple[Cell, ...]:
    if last is None:
        return (Part("no answer yet", Tone.MUTED),)
    if last.cached:
        return (Part("● whole", Tone.OK), f" at {last.temperature:g}, cached: nothing was sent")
    usage = last.usage
    least = "" if usage.measured else "at least "
    mark = Part("● whole", Tone.OK) if last.whole else Part("▲ cut short", Tone.WARNING)
    tokens = f"{least}{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
    dollars = cost(last.model, usage, prices)
    price = f", {least}${dollars:.5f}" if dollars is not None else ""
    return (mark, f" at {last.temperature:g}, {tokens}, {last.seconds:.1f} s{price}")


def limit_parts(allowance: Allowance | None) -> tuple[Cell, ...]:
    """What the shared limit leaves.

    >>> limit_parts(Allowance(10, 7, 12.0))[1]
    '10/min: 7 left'
    """
    if allowance is None:
        return ()
    if allowance.calls is None or allowance.left is None:
        return (Part("limit ", Tone.MUTED), "off")
    left = f"{allowance.calls}/min: {allowance.left} left"
    return (Part("limit ", Tone.MUTED), left if allowance.left else Part(left, Tone.WARNING))


def notice(
    problem: Problem | None,
    model: ModelTarget | BackendError,
    last: Outcome | None,
    notes: Sequence[str],
    again: str = "w continues it",
) -> list[tuple[Cell, ...]]:
    """What is wrong, worst first: the last failure, else why the last answer broke off, else that no model is set."""
    lines: list[tuple[Cell, ...]] = [(Part("▲ ", Tone.WARNING), note) for note in notes]
    if problem is not None:
        return [*lines, *problem_lines(problem)]
    if last is not None and last.broken is not None:
        what = Part(f"  {again}", Tone.STRONG)
        return [*lines, (Part("▲ broke off: ", Tone.WARNING), last.broken.message, what)]
    if last is not None and not last.whole:
        return [
            *lines,
            (Part(f"▲ ended with {last.finish_reason}", Tone.WARNING), Part(f"  {again}", Tone.STRONG)),
        ]
    if isinstance(model, BackendError):
        return [*lines, (Part(f"– {model.message} ", Tone.MUTED), Part(model.hint, Tone.STRONG))]
    return lines
