"""The ladder: `for`, clear level, hold-off, shrinking again, a stop that stays, no data and not measured."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backends.runs.throttle import Does, Ladder, Rule

CPU = Rule("cpu", Does.PAUSE, above=80, clear=70, for_s=10, hold_off_s=30, unit=" %")
MEMORY = Rule("memory", Does.SHRINK, above=90, clear=85, hold_off_s=30)
ERRORS = Rule("errors", Does.STOP, above=1, clear=0.5, for_s=5)


def test_a_spike_of_one_sample_pauses_nothing() -> None:
    ladder = Ladder([CPU])
    assert not any(ladder.look(at, {"cpu": value}).pause for at, value in ((0, 99), (5, 50), (12, 99)))


def test_a_pause_stays_for_its_hold_off_and_until_the_clear_level() -> None:
    ladder = Ladder([CPU])
    seen = [bool(ladder.look(at, {"cpu": v}).pause) for at, v in ((0, 90), (10, 90), (20, 60), (39, 75), (40, 75))]
    assert seen == [False, True, True, True, True]
    assert not ladder.look(41, {"cpu": 70}).pause


def test_shrinking_is_asked_for_once_a_hold_off() -> None:
    ladder = Ladder([MEMORY])
    asked = [bool(ladder.look(at, {"memory": 95}).shrink) for at in (0, 5, 29, 30, 59, 60)]
    assert asked == [True, False, False, True, False, True]


def test_a_stop_stays() -> None:
    ladder = Ladder([ERRORS])
    ladder.look(0, {"errors": 2})
    assert ladder.look(5, {"errors": 2}).stop == "errors 2 above 1"
    assert ladder.look(500, {"errors": 0}).stop == "errors 2 above 1"


def test_reasons_are_a_set() -> None:
    ladder = Ladder([Rule("cpu", Does.PAUSE, 80, 70), Rule("lag", Does.PAUSE, 5, 1, unit=" s")])
    assert ladder.look(0, {"cpu": 90, "lag": 9.04}).pause == {"cpu": "cpu 90 above 80", "lag": "lag 9 s above 5 s"}


def test_no_data_pauses_and_what_was_never_configured_does_not() -> None:
    ladder = Ladder([CPU, MEMORY])
    decision = ladder.look(0, {"cpu": None})
    assert (decision.pause, decision.not_measured) == ({"cpu": "no data of cpu"}, ("memory",))
    assert not ladder.look(1, {"cpu": 10}).pause


@given(st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 100)), min_size=2, max_size=60))
def test_a_rule_never_flaps_faster_than_its_hold_off(steps: list[tuple[float, float]]) -> None:
    ladder, at, changes, was = Ladder([CPU]), 0.0, [], False
    for gap, value in steps:
        at += gap
        acts = bool(ladder.look(at, {"cpu": value}).pause)
        if acts is not was:
            changes.append((at, acts))
        was = acts
    for (began, acts), (ended, _) in pairwise(changes):
        assert ended - began >= (CPU.hold_off_s if acts else CPU.for_s)


@given(st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 79)), max_size=30))
def test_nothing_below_the_level_ever_acts(steps: list[tuple[float, float]]) -> None:
    ladder, at = Ladder([CPU]), 0.0
    for gap, value in steps:
        at += gap
        assert not ladder.look(at, {"cpu": value}).pause


def test_a_warning_holds_nothing_up() -> None:
    ladder = Ladder([Rule("lock wait", Does.WARN, above=5, clear=1, hold_off_s=0, unit=" s")])
    seen = ladder.look(0, {"lock wait": 6.5})
    assert (seen.warn, seen.pause, seen.stop) == ({"lock wait": "lock wait 6.5 s above 5 s"}, {}, "")
    silent = ladder.look(5, {"lock wait": None})
    assert (silent.warn, silent.pause) == ({"lock wait": "no data of lock wait"}, {})
    assert not ladder.look(10, {"lock wait": 0.5}).warn
