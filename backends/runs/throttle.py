"""When a run has to wait, to work in smaller batches or to stop: rules over samples of what it could hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum


class Does(Enum):
    """What a rule does, from the mildest."""

    WARN = "warn"
    SHRINK = "shrink"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Rule:
    """Acts when a measurement is above a value for `for_s` seconds, until it is at `clear` or below.

    hold_off_s: seconds that it stays at least once it acted, and between two shrinkings.
    """

    measurement: str
    does: Does
    above: float
    clear: float
    for_s: float = 0.0
    hold_off_s: float = 30.0
    unit: str = ""

    def said(self, value: float) -> str:
        """The reason in words.

        >>> Rule("cpu", Does.PAUSE, 80, 70, unit=" %").said(91.27)
        'cpu 91.3 % above 80 %'
        """
        return f"{self.measurement} {round(value, 1):g}{self.unit} above {self.above:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules say now.

    pause and warn: measurement → reason; shrink: reasons for smaller batches just now; shrinks: whether a rule for
    that still acts; stop: why.
    not_measured: measurements that nobody configured, which therefore hold nothing up.
    """

    pause: Mapping[str, str] = field(default_factory=dict)
    shrink: tuple[str, ...] = ()
    stop: str = ""
    not_measured: tuple[str, ...] = ()
    warn: Mapping[str, str] = field(default_factory=dict)
    shrinks: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    """A rule between two samples: since when the value is above, since when the rule acts, when it acted last."""

    above_since: float | None = None
    acts_since: float | None = None
    shrunk_at: float | None = None


class Ladder:
    """The rules, and how they stand. A stop stays one, whatever is measured afterwards."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._standings = [_Standing()] * len(self._rules)
        self._stop = ""

    def look(self, at_s: float, sample: Mapping[str, float | None]) -> Decision:
        """What follows from a sample taken at `at_s` (monotonic seconds).

        A measurement that is not in it was never configured; one that is None gave no data, which pauses at once where
        its rule does more than warn.
        """
        pause: dict[str, str] = {}
        warn: dict[str, str] = {}
        shrink: list[str] = []
        for place, rule in enumerate(self._rules):
            if rule.measurement not in sample:
                continue
            value = sample[rule.measurement]
            if value is None:
                (warn if rule.does is Does.WARN else pause)[rule.measurement] = f"no data of {rule.measurement}"
                continue
            standing = self._standings[place] = _moved(rule, self._standings[place], at_s, value)
            if standing.acts_since is None:
                continue
            if rule.does is Does.PAUSE:
                pause[rule.measurement] = rule.said(value)
            elif rule.does is Does.WARN:
                warn[rule.measurement] = rule.said(value)
            elif rule.does is Does.STOP:
                self._stop = self._stop or rule.said(value)
            elif standing.shrunk_at == at_s:
                shrink.append(rule.said(value))
        absent = {rule.measurement: None for rule in self._rules if rule.measurement not in sample}
        acting = [rule for rule, standing in zip(self._rules, self._standings, strict=True) if standing.acts_since]
        shrinks = any(rule.does is Does.SHRINK for rule in acting)
        return Decision(pause, tuple(shrink), self._stop, tuple(absent), warn, shrinks)


def _moved(rule: Rule, before: _Standing, at_s: float, value: float) -> _Standing:
    above_since = (at_s if before.above_since is None else before.above_since) if value > rule.above else None
    acts_since = before.acts_since
    if acts_since is None:
        acts_since = at_s if above_since is not None and at_s - above_since >= rule.for_s else None
    elif value <= rule.clear and at_s - acts_since >= rule.hold_off_s:
        acts_since = None
    return _Standing(above_since, acts_since, _shrunk_at(rule, before, at_s, acts_since, value))


def _shrunk_at(rule: Rule, before: _Standing, at_s: float, acts_since: float | None, value: float) -> float | None:
    due = before.shrunk_at is None or at_s - before.shrunk_at >= rule.hold_off_s
    return at_s if acts_since is not None and value > rule.clear and due else before.shrunk_at
