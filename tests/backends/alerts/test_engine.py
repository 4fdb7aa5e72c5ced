"""Every rule on samples below, at and above its threshold, flapping, missing and frozen."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backends.alerts.engine import NOT_MEASURED, is_beyond, is_clear, observe, step, unanswered
from backends.alerts.model import Compare, Phase, Rule, Track
from backends.alerts.table import GROUPS, RULES
from backends.sampling.measure import Absent, Measure, measured
from backends.sampling.reading import Problem
from backends.sampling.state import State

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERY = pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
STEP_S = 15.0


def worse(rule: Rule) -> float:
    """A value beyond the threshold."""
    return rule.threshold - 1 if rule.compare is Compare.BELOW else rule.threshold + 1


def better(rule: Rule) -> float:
    """A value that is clear."""
    return rule.clear + 1 if rule.compare is Compare.BELOW else rule.clear - 1


def between(rule: Rule) -> float | None:
    """A value that neither is beyond the threshold nor clears; None where there is none."""
    middle = (rule.threshold + rule.clear) / 2
    return None if is_beyond(rule, middle) or is_clear(rule, middle) else middle


class Life:
    """A rule over time: samples fifteen seconds apart."""

    def __init__(self, rule: Rule) -> None:
        self.rule, self.now = rule, T0
        self.track: Track | None = None

    def see(self, *measures: Measure, after_s: float = STEP_S) -> Phase:
        self.now += timedelta(seconds=after_s)
        self.track = step(self.rule, self.track, observe(self.rule, measures, self.now), self.now)
        return self.track.phase

    def value(self, value: float, after_s: float = STEP_S) -> Phase:
        return self.see(measured(self.rule.measure, value), after_s=after_s)

    def until_firing(self) -> None:
        for _ in range(20):
            if self.value(worse(self.rule)) is Phase.FIRING:
                return
        raise AssertionError(f"{self.rule.id} never fired")


@EVERY
def test_below_is_ok(rule: Rule) -> None:
    life = Life(rule)
    assert {life.value(better(rule)) for _ in range(5)} == {Phase.OK}
    assert life.track is not None
    assert life.track.since == T0 + timedelta(seconds=STEP_S)


@EVERY
def test_at_the_threshold(rule: Rule) -> None:
    """Above and below mean beyond it; from means at it."""
    life = Life(rule)
    phases = [life.value(rule.threshold) for _ in range(10)]
    assert phases[-1] is (Phase.FIRING if rule.compare is Compare.FROM else Phase.OK)


@EVERY
def test_above_fires_after_its_time_and_clears(rule: Rule) -> None:
    life = Life(rule)
    life.until_firing()
    assert life.track is not None
    assert life.track.beyond_since is not None
    waited = (life.track.since - life.track.beyond_since).total_seconds()
    assert rule.for_s <= waited < rule.for_s + STEP_S * rule.in_a_row
    assert life.value(better(rule)) is Phase.OK


@EVERY
def test_flapping_over_the_threshold(rule: Rule) -> None:
    """One that has to last never fires; any other fires and clears each time, and counts from then."""
    life = Life(rule)
    waits = rule.for_s > 0 or rule.in_a_row > 1
    for _ in range(5):
        assert life.value(worse(rule)) is (Phase.PENDING if waits else Phase.FIRING)
        assert life.track is not None
        assert life.track.since == life.now
        assert life.value(better(rule)) is Phase.OK
        assert life.track.since == life.now


@pytest.mark.parametrize("rule", [rule for rule in RULES if between(rule) is not None], ids=lambda rule: rule.id)
def test_flapping_between_threshold_and_clear_level_stays_one_alert(rule: Rule) -> None:
    middle = between(rule)
    assert middle is not None
    life = Life(rule)
    life.until_firing()
    assert life.track is not None
    since = life.track.since
    assert {life.value(value) for _ in range(5) for value in (middle, worse(rule))} == {Phase.FIRING}
    assert life.track.since == since
    assert life.value(better(rule)) is Phase.OK
    assert life.value(middle) is Phase.OK


def test_what_is_measured_in_shares_and_times_has_a_clear_level_of_its_own() -> None:
    """Counts clear at none; of the rest these do: what neither flaps, nor can be told from its threshold."""
    rules = [rule for rule in RULES if rule.unit in {"%", "ms", "s", "× mean", "orphans", "orphans a day"}]
    assert {rule.id for rule in rules if between(rule) is None} == {"orphans.cleanup-success"}


@EVERY
def test_missing_is_no_data_and_resolves_nothing(rule: Rule) -> None:
    life = Life(rule)
    assert life.see() is Phase.NO_DATA
    assert life.value(better(rule)) is Phase.OK
    assert life.see(measured(rule.measure, None, what="too slow")) is Phase.NO_DATA
    life.until_firing()
    assert {life.see() for _ in range(10)} == {Phase.FIRING}
    assert life.track is not None
    assert life.track.value is None
    assert life.track.what == NOT_MEASURED
    assert life.value(better(rule)) is Phase.OK


@EVERY
def test_frozen_is_no_data_when_it_is_too_old(rule: Rule) -> None:
    """The same sample again and again: it never makes an alert by itself, and after its time it says nothing."""
    life = Life(rule)
    frozen = measured(rule.measure, worse(rule), at=T0)
    expected = Phase.PENDING if rule.for_s or rule.in_a_row > 1 else Phase.FIRING
    assert life.see(frozen) is expected
    assert life.see(frozen) is expected
    assert life.see(frozen, after_s=rule.stale_s + 1) is expected, "no data resolves nothing"
    assert life.track is not None
    assert life.track.value is None
    fresh = Life(rule)
    assert fresh.see(measured(rule.measure, better(rule), at=T0)) is Phase.OK
    assert fresh.see(measured(rule.measure, better(rule), at=T0), after_s=rule.stale_s + 1) is Phase.NO_DATA
    assert fresh.track is not None
    assert "2026-03-01 12:00 UTC" in fresh.track.what


@EVERY
def test_the_table_says_everything(rule: Rule) -> None:
    assert rule.id.partition(".")[0] in {*GROUPS, "backups"}
    assert rule.source
    assert rule.todo.endswith((".", "?"))
    assert rule.severity in {State.WARNING, State.CRITICAL}
    assert not is_beyond(rule, rule.clear)
    assert set(rule.depends) <= {each.id for each in RULES} - {rule.id}


def test_ids_are_each_used_once() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


RULE = Rule(
    "a.b", "a", "a.b", Compare.ABOVE, 10, 8, State.WARNING, "test", "s", "Look.", "none", in_a_row=3, stale_s=3600
)


def test_three_in_a_row_means_without_a_good_one_between() -> None:
    life = Life(RULE)
    assert [life.value(value) for value in (11, 11, 9, 11, 11, 11)] == [
        Phase.PENDING, Phase.PENDING, Phase.OK, Phase.PENDING, Phase.PENDING, Phase.FIRING,
    ]  # fmt: skip


def test_what_was_so_long_ago_is_not_in_a_row() -> None:
    """Neither samples nor time go on over hours in which nobody looked."""
    waiting = replace(RULE, in_a_row=1, for_s=60)
    for rule, phases in (
        (RULE, [Phase.PENDING, Phase.PENDING, Phase.FIRING]),
        (waiting, [Phase.PENDING, Phase.FIRING]),
    ):
        life = Life(rule)
        assert life.value(11) is Phase.PENDING
        found = [life.value(11, after_s=each) for each in (7 * 86_400, 60, 60)]
        assert found[: len(phases)] == phases


def test_no_data_between_neither_counts_nor_resets() -> None:
    life = Life(RULE)
    assert [life.value(11), life.value(11), life.see(), life.value(11)][-2:] == [Phase.PENDING, Phase.FIRING]


def test_the_worst_subject_speaks() -> None:
    seen = observe(RULE, [measured("a.b", 3, "x"), measured("a.b", 12, "y"), measured("a.b", 11, "z")], T0)
    assert (seen.value, seen.subject) == (12, "y")


def test_one_unknown_subject_makes_it_unknown_unless_another_is_beyond() -> None:
    unknown = Measure.missing("a.b", Absent.NO_DATA, "refused", "x")
    assert observe(RULE, [unknown, measured("a.b", 3, "y")], T0).absent is Absent.NO_DATA
    assert observe(RULE, [unknown, measured("a.b", 12, "y")], T0).value == 12


def test_not_configured_and_nothing_to_judge() -> None:
    life = Life(RULE)
    for _ in range(3):
        life.value(11)
    assert life.see(Measure.missing("a.b", Absent.NOTHING)) is Phase.OK
    assert life.see(Measure.missing("a.b", Absent.NOT_CONFIGURED)) is Phase.NOT_CONFIGURED
    assert unanswered(Problem("not configured", "x"), T0).absent is Absent.NOT_CONFIGURED
    assert unanswered(Problem("too slow", "x"), T0).absent is Absent.NO_DATA


def test_what_is_not_told_any_more_resolves_nothing() -> None:
    """Of the whole, or of the one subject that it fires for; by itself it is as if it weren't configured."""
    untold = Measure.missing("a.b", Absent.UNTOLD, "no gauge", "x")
    for lost in ([untold], [untold, measured("a.b", 1, "y")], [replace(untold, subject="")]):
        life = Life(RULE)
        assert life.see(*lost) is (Phase.OK if len(lost) == 2 else Phase.NOT_CONFIGURED)
        for _ in range(3):
            life.see(measured("a.b", 11, "x"))
        assert life.see(*lost) is Phase.FIRING
        assert life.track is not None
        assert life.track.value is None
        assert life.see(measured("a.b", 1, "x")) is Phase.OK


def test_nothing_is_ever_judged_by_not_a_number() -> None:
    assert not is_beyond(RULE, math.nan)
    assert not is_clear(RULE, math.nan), "what fires goes on firing"
