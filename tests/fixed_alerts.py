"""The real alerts over fixed measures, for screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from backends.alerts.engine import is_beyond
from backends.alerts.file import AlertFile
from backends.alerts.model import Compare, Rule
from backends.alerts.store import AlertStore
from backends.alerts.table import RULES, Settings
from backends.alerts.watch import AlertsService
from backends.safety.audit import AuditTrail
from backends.safety.author import Author
from backends.sampling.measure import Measure, measured
from backends.sampling.reading import Problem
from tests.stage import NOW, answer

AUTHOR = Author("ops", "192.0.2.7", "db1", "eu-west", "staging", "olorin", 1, "")


def all_well() -> list[Measure]:
    """Every measure at a level at which no rule of it minds."""
    best: dict[str, float] = {}
    for rule in RULES:
        level = rule.clear + 1 if rule.compare is Compare.BELOW else rule.clear - 1
        known = best.get(rule.measure, level)
        best[rule.measure] = max(known, level) if rule.compare is Compare.BELOW else min(known, level)
    return [measured(name, max(level, 0)) for name, level in best.items()]


def all_wrong() -> list[Measure]:
    """Every measure beyond every threshold of it, but the servers', which would explain the rest."""
    return [_beyond(rule) for rule in RULES if rule.group != "servers"]


def _beyond(rule: Rule) -> Measure:
    level = rule.threshold - 1 if rule.compare is Compare.BELOW else rule.threshold * 1.5 + 1
    assert is_beyond(rule, level)
    return measured(rule.measure, level, "", f"{level:g} {rule.unit}")


def fixed_alerts(folder: Path, measures: Sequence[Measure], now: Callable[[], datetime] = lambda: NOW) -> AlertsService:
    """Rules that wait a while to fire don't here, since the clock stands still."""
    names = {rule.measure.partition(".")[0] for rule in RULES}
    sources = {name: answer([each for each in measures if each.name.startswith(f"{name}.")]) for name in names}
    settings = Settings(tuple(replace(rule, for_s=0.0) for rule in RULES))
    trail = AuditTrail(folder, now)
    return AlertsService(
        sources, settings, AlertStore(AlertFile(folder, ("fixed",))), lambda: (trail, AUTHOR), _unexpected, now
    )


def _unexpected(doing: str, error: Exception) -> Problem:
    raise AssertionError(doing) from error
