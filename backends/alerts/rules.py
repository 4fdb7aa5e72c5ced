"""How a system stands, from its summary or from the failure to get one."""

from __future__ import annotations

from collections.abc import Sequence

from backends.alerts.model import Standing
from backends.sampling.reading import Problem
from backends.sampling.state import State, Summary, worst


def standing(name: str, summary: Summary | None, problem: Problem | None) -> Standing:
    """A system that can't be asked is never ok, whatever it last said.

    >>> standing("pools", Summary(State.OK, "fine"), Problem("cannot connect", "refused")).state.value
    'no data'
    """
    if problem is not None:
        if problem.kind == "not configured":
            return Standing(name, State.NOT_CONFIGURED, f"{problem.message} {problem.hint}".rstrip(), problem)
        return Standing(name, State.NO_DATA, f"{problem.kind}: {problem.message}", problem)
    if summary is None:
        return Standing(name, State.NO_DATA, "")
    return Standing(name, summary.state, summary.headline)


def overall(standings: Sequence[Standing]) -> State:
    """The worst state of the configured systems; no data where none is configured.

    >>> overall([Standing("a", State.OK, ""), Standing("b", State.NOT_CONFIGURED, "")]).value
    'ok'
    """
    configured = [each.state for each in standings if each.state is not State.NOT_CONFIGURED]
    return worst(configured) if configured else State.NO_DATA
