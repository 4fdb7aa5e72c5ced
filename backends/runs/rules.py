"""What may become of a run, how long it will take, and what its states mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backends.runs.model import Run, RunState
from backends.sampling.state import State

_BREAKS: Final = frozenset({RunState.FAILED, RunState.STOPPED, RunState.BLOCKED})
_WAITS: Final = frozenset({RunState.PAUSED, RunState.THROTTLED})

ALLOWED: Final[Mapping[RunState, frozenset[RunState]]] = {
    RunState.PLANNED: frozenset({RunState.RUNNING}) | _BREAKS,
    RunState.RUNNING: frozenset({RunState.HOLDING, RunState.VERIFYING}) | _WAITS | _BREAKS,
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.THROTTLED}) | _BREAKS,
    RunState.THROTTLED: frozenset({RunState.RUNNING, RunState.PAUSED}) | _BREAKS,
    RunState.HOLDING: frozenset({RunState.RUNNING, RunState.VERIFYING}) | _WAITS | _BREAKS,
    RunState.VERIFYING: frozenset({RunState.RUNNING, RunState.HOLDING, RunState.DONE}) | _BREAKS,
    RunState.DONE: frozenset(),
    RunState.FAILED: frozenset({RunState.RUNNING}),
    RunState.STOPPED: frozenset({RunState.RUNNING}),
    RunState.BLOCKED: frozenset({RunState.RUNNING}),
}
"""State → the states that may follow it."""

_STATES: Final = {RunState.FAILED: State.CRITICAL, RunState.BLOCKED: State.WARNING, RunState.STOPPED: State.WARNING}

LIVELY: Final = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.THROTTLED, RunState.VERIFYING})
"""The states that somebody must be executing."""


def may_become(before: RunState, after: RunState) -> bool:
    """Whether the state may follow; a run that is over never starts again, and any other may be taken over as it is.

    >>> may_become(RunState.RUNNING, RunState.PAUSED), may_become(RunState.DONE, RunState.RUNNING)
    (True, False)
    """
    return after in ALLOWED[before] or (before is after and before is not RunState.DONE)


def eta_s(left: int | None, slow: float | None, fast: float | None) -> tuple[float, float] | None:
    """Seconds that so many items take, the least and the most; None where that is unknown.

    >>> eta_s(600, 10.0, 20.0), eta_s(600, 0.0, 20.0), eta_s(None, 1.0, 2.0), eta_s(0, None, None)
    ((30.0, 60.0), None, None, (0.0, 0.0))
    """
    if left == 0:
        return 0.0, 0.0
    if left is None or not slow or not fast:
        return None
    return left / fast, left / slow


def run_eta_s(run: Run) -> tuple[float, float] | None:
    """Seconds until the run has done its items, the least and the most; None where that is unknown."""
    if run.total is None or run.done is None or run.known_state is not RunState.RUNNING:
        return None
    return eta_s(max(run.total - run.done, 0), run.progress.slow, run.progress.fast)


def run_state(run: Run) -> State:
    """The state of one run; a word that is none of ours is no data, and one that nobody executes is a warning."""
    if run.known_state is None:
        return State.NO_DATA
    if is_abandoned(run):
        return State.WARNING
    return _STATES.get(run.known_state, State.OK)


def is_abandoned(run: Run) -> bool:
    """Whether its record says that it is being executed, and nobody does."""
    return run.known_state in LIVELY and run.holder is None
