"""How an alert follows from samples: what a rule sees, and what comes of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import ge, gt, lt
from typing import Final

from backends.alerts.model import Compare, Observation, Phase, Rule, Track
from backends.sampling.measure import Absent, Measure
from backends.sampling.reading import Problem

_BEYOND: Final[Mapping[Compare, Callable[[float, float], bool]]] = {
    Compare.ABOVE: gt,
    Compare.FROM: ge,
    Compare.BELOW: lt,
}
_ACTIVE: Final = frozenset({Phase.PENDING, Phase.FIRING})
_ABSENT: Final = {
    Absent.NO_DATA: Phase.NO_DATA,
    Absent.NOT_CONFIGURED: Phase.NOT_CONFIGURED,
    Absent.UNTOLD: Phase.NOT_CONFIGURED,
    Absent.NOTHING: Phase.OK,
}
_RANK: Final = (Absent.NOT_CONFIGURED, Absent.NOTHING, Absent.UNTOLD)
"""Of measures that are absent for different reasons: the one that speaks, from the mildest."""

FORGOTTEN_S: Final = 3600.0
"""Seconds after which a look says nothing of the next one: what was bad then and is bad now is not bad "in a row"."""

NOT_MEASURED: Final = "its source doesn't tell it"


def is_beyond(rule: Rule, value: float) -> bool:
    """Whether the value is beyond the rule's threshold."""
    return _BEYOND[rule.compare](value, rule.threshold)


def is_clear(rule: Rule, value: float) -> bool:
    """Whether the value lets an alert that fires go: at its clear level or better."""
    if is_beyond(rule, value):
        return False
    return value >= rule.clear if rule.compare is Compare.BELOW else value <= rule.clear


def unanswered(problem: Problem, now: datetime) -> Observation:
    """What every rule of a source sees that gave nothing."""
    absent = Absent.NOT_CONFIGURED if problem.kind == "not configured" else Absent.NO_DATA
    return Observation(None, now, what=f"{problem.kind}: {problem.message}", absent=absent)


def observe(rule: Rule, measures: Sequence[Measure], now: datetime) -> Observation:
    """The worst of the rule's measures. One that can't be told hides none that is beyond the threshold, but no
    other one stands for it.
    """
    worst: Measure | None = None
    unknown: Measure | None = None
    nothing: Measure | None = None
    for each in measures:
        if each.value is None:
            if each.absent is Absent.NO_DATA:
                unknown = each
            elif nothing is None or _rank(each) > _rank(nothing):
                nothing = each
        elif each.at is not None and (now - each.at).total_seconds() > rule.stale_s:
            unknown = each
        elif worst is None or _is_worse(rule, each.value, worst.value):
            worst = each
    untold = tuple(each.subject for each in measures if each.absent is Absent.UNTOLD)
    if worst is not None and worst.value is not None and (unknown is None or is_beyond(rule, worst.value)):
        return Observation(worst.value, worst.at or now, worst.subject, worst.what, None, untold)
    if unknown is not None:
        old = unknown.value is not None and unknown.at is not None
        what = f"the last sample is of {unknown.at:%Y-%m-%d %H:%M} UTC" if old else unknown.what
        return Observation(None, unknown.at or now, unknown.subject, what, Absent.NO_DATA)
    if nothing is not None:
        return Observation(None, now, nothing.subject, nothing.what, nothing.absent, untold)
    return Observation(None, now, what=NOT_MEASURED, absent=Absent.NO_DATA)


def _rank(measure: Measure) -> int:
    return _RANK.index(measure.absent) if measure.absent in _RANK else 0


def _is_worse(rule: Rule, value: float, than: float | None) -> bool:
    return than is None or (value < than if rule.compare is Compare.BELOW else value > than)


def step(rule: Rule, before: Track | None, seen: Observation, now: datetime) -> Track:
    """How the rule stands after the observation. No data resolves nothing, and brings nothing nearer to firing."""
    if before is not None and before.phase in _ACTIVE and _says_nothing(rule, before, seen):
        return before._replace(value=None, what=seen.what if seen.value is None else NOT_MEASURED)
    if seen.value is None:
        return _in(_ABSENT[seen.absent or Absent.NO_DATA], before, seen, now)
    if before is not None and before.phase is Phase.FIRING and not is_clear(rule, seen.value):
        return _in(Phase.FIRING, before, seen, now, before.samples, before.beyond_since)
    if not is_beyond(rule, seen.value):
        return _in(Phase.OK, before, seen, now)
    samples, since = 1, seen.at
    if before is not None and before.phase is Phase.PENDING and not _is_forgotten(rule, before, seen):
        # A sample that was seen before is no further sample.
        samples = before.samples + (seen.at > before.at)
        since = before.beyond_since or seen.at
    enough = samples >= rule.in_a_row and (seen.at - since).total_seconds() >= rule.for_s
    return _in(Phase.FIRING if enough else Phase.PENDING, before, seen, now, samples, since)


def in_a_row(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Failures in a row, subject → count, after a look that found so many of each; what answered begins anew.

    >>> in_a_row({"whisper": 2, "translation": 2}, {"whisper": 1, "translation": 0, "orchestration": 3})
    {'whisper': 3, 'translation': 0, 'orchestration': 3}
    """
    return {name: before.get(name, 0) + failures if failures else 0 for name, failures in now.items()}


def _is_forgotten(rule: Rule, before: Track, seen: Observation) -> bool:
    """Whether so much time passed since the sample before that nobody knows what was between the two."""
    return (seen.at - before.at).total_seconds() > max(FORGOTTEN_S, rule.stale_s)


def _says_nothing(rule: Rule, before: Track, seen: Observation) -> bool:
    """Whether it tells nothing of what an active rule is active for: that is no data, or is not told any more."""
    if seen.value is not None and is_beyond(rule, seen.value):
        return False
    return seen.absent is Absent.NO_DATA or before.subject in seen.untold or "" in seen.untold


def _in(
    phase: Phase,
    before: Track | None,
    seen: Observation,
    now: datetime,
    samples: int = 0,
    beyond_since: datetime | None = None,
) -> Track:
    since = before.since if before is not None and before.phase is phase else now
    return Track(phase, since, seen.at, seen.value, seen.subject, seen.what, samples, beyond_since)
