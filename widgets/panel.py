"""A part of a screen with one source behind it: its title, its state with its age, and what is wrong if anything is."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from backends.sampling.reading import Freshness, Problem, Reading
from backends.sampling.state import State
from widgets.line import Line
from widgets.page import Page
from widgets.tone import FRESHNESS_MARKS, Cell, Part, Tone, state_part


class Panel(Vertical):
    """A titled part of a screen.

    `show` takes the source's newest reading, `tick` the time. Values that are stale or whose source fails stay
    visible but greyed, with their age; where there never was a value, the problem stands in their place.
    """

    DEFAULT_CSS = """
    Panel {
        height: auto;
        & > .panel--heading { height: 1; background: $surface; }
        & > Page.panel--problem { display: none; height: auto; max-height: 8; padding: 0 1; }
        &.-problem > Page.panel--problem { display: block; }
        &.-no-value > .panel--body { display: none; }
        &.-old > .panel--body { tint: $background 55%; }
        & > .panel--body { height: auto; }
    }
    """

    def __init__(self, title: str, *children: Widget, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title = title
        self._note: tuple[Cell, ...] = ()
        self._reading: Reading[Any] | None = None
        self._body = Vertical(*children, classes="panel--body")
        self._heading = Line(Part(f" {title}", Tone.STRONG), classes="panel--heading")
        self._problem = Page(classes="panel--problem")
        self._problem.can_focus = False

    def compose(self) -> ComposeResult:
        """Heading, problem, body."""
        yield self._heading
        yield self._problem
        yield self._body

    @property
    def heading(self) -> tuple[Part, ...]:
        """What the heading says."""
        return self._heading.parts

    def note(self, *cells: Cell) -> None:
        """Says something beside the title, such as totals."""
        self._note = cells

    def show(self, reading: Reading[Any], now: datetime) -> None:
        """Takes the newest reading."""
        self._reading = reading
        self.set_class(reading.problem is not None, "-problem")
        self.set_class(reading.value is None and reading.problem is not None, "-no-value")
        self._problem.show(problem_lines(reading.problem) if reading.problem is not None else [])
        self.tick(now)

    def tick(self, now: datetime) -> None:
        """Brings the age up to date."""
        if self._reading is None:
            self._heading.show(Part(f" {self._title}", Tone.STRONG), *self._note)
            return
        freshness = self._reading.freshness(now)
        self.set_class(freshness in {Freshness.STALE, Freshness.DISCONNECTED}, "-old")
        mark = freshness_parts(self._reading, now)
        self._heading.show(Part(f" {self._title}", Tone.STRONG), *self._note, "  ", *mark)


def freshness_parts(reading: Reading[Any], now: datetime) -> tuple[Part, ...]:
    """State and age of a reading.

    While it is live the age is given as a bound, which needs no repainting; once it is older, it counts, in steps that
    a slow line can bear.
    """
    freshness = reading.freshness(now)
    symbol, tone = FRESHNESS_MARKS[freshness]
    mark = Part(f"{symbol} {freshness.value}", tone)
    age = reading.age(now)
    if age is None:
        return (mark, *_retry(reading, now))
    seconds = age.total_seconds()
    bound = reading.refresh + ceil(reading.took_s or 0)
    if freshness is Freshness.LIVE and seconds <= bound + 1:
        return (mark, Part(f" ≤{duration(bound)} old", Tone.MUTED))
    return (mark, Part(f" {_counted(seconds)} old", tone), *_retry(reading, now))


def _counted(seconds: float) -> str:
    """An age that is repainted as it grows: every second at first, then as a bound that doubles.

    A heading costs 200 bytes, a screen has up to five, and one that is frozen may take 50 bytes a second in all.

    >>> [_counted(s) for s in (7.2, 12.1, 21, 31, 58, 61)]
    ['7s', '≤15s', '≤30s', '≤60s', '≤60s', '1m']
    """
    bound = next((each for each in (15, 30, 60) if seconds <= each), None)
    return duration(seconds) if seconds < 10 or bound is None else f"≤{bound}s"


def state_of(reading: Reading[Any], state: State, now: datetime) -> Part:
    """The state as a table shows it: one that was read too long ago is called stale, whatever it was."""
    if not reading.number:
        return Part("◌ asking", Tone.MUTED)
    if reading.freshness(now) is Freshness.STALE:
        symbol, tone = FRESHNESS_MARKS[Freshness.STALE]
        return Part(f"{symbol} stale, was {state.value}", tone)
    return state_part(state)


def _retry(reading: Reading[Any], now: datetime) -> tuple[Part, ...]:
    if reading.retry_at is None or reading.problem is None or reading.problem.kind == "not configured":
        return ()
    seconds = max(ceil((reading.retry_at - now).total_seconds()), 0)
    return (Part(f", next try in {seconds}s" if seconds else ", trying", Tone.MUTED),)


def problem_lines(problem: Problem) -> list[tuple[Cell, ...]]:
    """What went wrong, where, what to do: one line each."""
    tone = Tone.MUTED if problem.kind == "not configured" else Tone.CRITICAL
    lines: list[tuple[Cell, ...]] = [(Part(f"{problem.kind}: ", tone), problem.message)]
    if problem.where:
        lines.append((Part("where: ", Tone.MUTED), problem.where))
    if problem.hint:
        lines.append((Part("do: ", Tone.MUTED), Part(problem.hint, Tone.STRONG)))
    if problem.report:
        lines.append((Part("report: ", Tone.MUTED), problem.report))
    return lines


def minutes(seconds: float) -> str:
    """A duration that changes once a minute at most, so that a table of them stays quiet.

    >>> [minutes(s) for s in (0, 59, 60, 7_800)]
    ['<1m', '<1m', '1m', '2h10']
    """
    return "<1m" if seconds < 60 else duration(seconds)


def duration(seconds: float) -> str:
    """A duration in at most five characters, coarse where it is long.

    >>> [duration(s) for s in (0.4, 59, 61, 3700, 90000, 31536000)]
    ['0s', '59s', '1m', '1h01', '1d1h', '365d']
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes}m"
    if days < 1:
        return f"{hours}h{minutes % 60:02}"
    return f"{days}d{hours % 24}h" if days < 10 else f"{days}d"
