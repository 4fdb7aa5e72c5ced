"""What judging costs: ten thousand evaluations on recorded samples, beside ten thousand bare comparisons."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from backends.alerts.engine import is_beyond, observe, step
from backends.alerts.model import Track
from backends.alerts.table import RULES
from backends.sampling.measure import Measure, measured
from tests.benchmarks.conftest import Figures

pytestmark = pytest.mark.benchmark

EVALUATIONS = 10_000
SUBJECTS = 3
BUDGET_MS = 100.0
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recording() -> list[tuple[datetime, dict[str, list[Measure]]]]:
    """Looks fifteen seconds apart at every measure, of three subjects each, around its threshold."""
    thresholds = {rule.measure: rule.threshold for rule in RULES}
    return [
        (
            T0 + timedelta(seconds=15 * look),
            {
                name: [measured(name, level + (look + each) % 7 - 3, f"s{each}") for each in range(SUBJECTS)]
                for name, level in thresholds.items()
            },
        )
        for look in range(EVALUATIONS // len(RULES) + 1)
    ]


def test_ten_thousand_evaluations(figures: Figures) -> None:
    looks, tracks = recording(), dict[str, Track]()
    started = time.perf_counter()
    for now, measures in looks:
        for rule in RULES:
            tracks[rule.id] = step(rule, tracks.get(rule.id), observe(rule, measures[rule.measure], now), now)
    each_ms = (time.perf_counter() - started) * 1000 / (len(looks) * len(RULES))
    started = time.perf_counter()
    for _, measures in looks:
        for rule in RULES:
            assert is_beyond(rule, measures[rule.measure][0].value or 0.0) in {True, False}
    bare_ms = (time.perf_counter() - started) * 1000 / (len(looks) * len(RULES))
    figures.add("alerts: 10,000 evaluations", each_ms * EVALUATIONS, "ms", BUDGET_MS)
    figures.add("alerts: an evaluation, to a bare comparison", each_ms / bare_ms, "x")
