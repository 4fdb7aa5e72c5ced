"""What rules judge of long runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from backends.runs.model import Run, RunState
from backends.runs.rules import LIVELY, is_abandoned
from backends.runs.service import RunPage
from backends.sampling.measure import Absent, Measure, measured

CLEAN: Final = "orphans.clean"
"""The kind of run whose success the founding document watches."""

WATCHED: Final = {"runs.cpu": "cpu", "runs.memory": "memory", "runs.lock_wait_s": "lock wait"}
"""Measure → the measurement of a run that it tells."""

NAMES: Final = (*WATCHED, "runs.error_share", "runs.abandoned", "runs.failed", "runs.cleanup_success")
ERRORS: Final = "errors"
"""A run's measurement that its rule judges beside the share of its items that failed: the database's own errors."""

_OVER: Final = frozenset({RunState.DONE, RunState.FAILED, RunState.STOPPED, RunState.BLOCKED})
_BROKEN: Final = frozenset({RunState.FAILED, RunState.BLOCKED, RunState.STOPPED})


def measures(page: RunPage) -> tuple[Measure, ...]:
    """The newest runs of all databases; a database that can't be asked hides what its runs would say."""
    unknown = [
        Measure.missing(name, Absent.NO_DATA, f"{problem.kind}: {problem.message}", problem.where)
        for problem in page.problems
        for name in NAMES
    ]
    return (*unknown, *_known(page.runs))


def _known(runs: Sequence[Run]) -> Iterator[Measure]:
    newest = list({(run.kind, run.where): run for run in reversed(runs)}.values())
    working = [run for run in newest if run.known_state in LIVELY and run.holder is not None]
    for name, word in WATCHED.items():
        yield from (_watched(name, word, run) for run in working)
        yield from () if working else (Measure.missing(name, Absent.NOTHING, "no run is working"),)
    judged = [run for run in newest if run in working or run.known_state in _BROKEN]
    yield from (each for run in judged for each in _errors(run))
    yield from () if judged else (Measure.missing("runs.error_share", Absent.NOTHING, "no run is working"),)
    yield _named("runs.abandoned", [run for run in runs if is_abandoned(run)])
    yield _named("runs.failed", [run for run in newest if run.known_state in {RunState.FAILED, RunState.BLOCKED}])
    yield _cleaned(newest)


def _watched(name: str, measurement: str, run: Run) -> Measure:
    """The run's newest value, with what it warns of."""
    value = run.progress.measured.get(measurement)
    if value is not None:
        said = next((each for each in run.progress.warnings if each.startswith(measurement)), "")
        return measured(name, value, run.id, said)
    if measurement in run.progress.waiting_for or measurement in run.progress.unknown:
        return Measure.missing(name, Absent.NO_DATA, f"no data of {measurement}", run.id)
    if measurement in run.progress.not_measured:
        return Measure.missing(name, Absent.NOT_CONFIGURED, "not measured", run.id)
    return Measure.missing(name, Absent.NOTHING, "this run does not watch it", run.id)


def _errors(run: Run) -> Iterator[Measure]:
    """The share of its items that failed, and the errors of its database where it watches them. What they were when a
    run broke off stands until somebody goes on with it.
    """
    share = success(run)
    if share is None:
        yield Measure.missing("runs.error_share", Absent.NOTHING, "nothing was done yet", run.id)
    else:
        yield measured("runs.error_share", round(100.0 - share, 2), run.id)
    if run.known_state not in _BROKEN:
        yield _watched("runs.error_share", ERRORS, run)
    elif (last := run.progress.measured.get(ERRORS)) is not None:
        yield measured("runs.error_share", last, run.id, run.why)


def success(run: Run) -> float | None:
    """How many of the run's items were done well, in percent; None before the first."""
    done = sum(unit.done for unit in run.progress.units)
    failed = sum(unit.failed for unit in run.progress.units)
    return 100.0 * done / (done + failed) if done + failed else None


def _cleaned(newest: Sequence[Run]) -> Measure:
    run = next((run for run in newest if run.kind == CLEAN and run.known_state in _OVER), None)
    if run is None:
        return Measure.missing("runs.cleanup_success", Absent.NOTHING, "no clean-up yet")
    share = cleaned(run.progress.counts)
    if share is None and run.known_state is RunState.DONE:
        return Measure.missing("runs.cleanup_success", Absent.NOTHING, f"{run.id} had nothing to remove", run.id)
    return measured("runs.cleanup_success", share if share is not None else 0.0, run.id, run.why)


def cleaned(counts: Mapping[str, int]) -> float | None:
    """What a clean-up removed of what it had to, in percent; None where that was nothing.

    A document whose parent is there again was none to remove.

    >>> cleaned({"planned": 200, "deleted": 147, "reappeared": 4}), cleaned({"planned": 3, "reappeared": 3})
    (75.0, None)
    """
    due = counts.get("planned", 0) - counts.get("reappeared", 0)
    return 100.0 * counts.get("deleted", 0) / due if due > 0 else None


def _named(name: str, runs: Sequence[Run]) -> Measure:
    more = f" (and {len(runs) - 1} more)" if len(runs) > 1 else ""
    why = f"{runs[0].id}{': ' + runs[0].why if runs[0].why else ''}" if runs else ""
    return measured(name, len(runs), what=f"{why}{more}")
