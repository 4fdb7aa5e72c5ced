"""Health is the worst of what is known, no data is never health, and each finding has its evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.bots import rules
from backends.bots.faults import fault_counts, side_of
from backends.bots.model import Activity, Children, Health, Session, Side, Speech, Status
from backends.bots.rules import judged
from backends.bots.status import WORDS
from backends.sampling.state import State
from tests.backends.bots.test_status import AT, NOW, row

ANY_WORD = st.one_of(st.sampled_from(sorted(word for words in WORDS.values() for word in words)), st.just("odd"))
TIMES = st.none() | st.integers(-600, 20_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
SPEECH = st.none() | st.builds(Speech, st.integers(0, 9), st.integers(0, 99), TIMES, st.just(("en",)))
ACTIVITY = st.none() | st.builds(
    lambda events, errors, last, changed: Activity(events, min(errors, events), last, changed),
    st.integers(0, 40),
    st.integers(0, 40),
    TIMES,
    TIMES,
)
CHILDREN = st.builds(
    Children, SPEECH, ACTIVITY, ACTIVITY, st.none() | st.integers(0, 9), st.none() | st.floats(0, 60, allow_nan=False)
)
ROWS = st.builds(
    lambda word, recovering, started, ended, platform, error: row(
        word, recovering=recovering, started_at=started, ended_at=ended, platform=platform, error=error
    ),
    ANY_WORD,
    st.none() | st.booleans(),
    TIMES,
    TIMES,
    st.sampled_from(["google_meet", "zoom", ""]),
    st.sampled_from(["", "no permission"]),
)


def working(**changes: Any) -> Children:
    """The children of a bot that does well."""
    values: dict[str, Any] = {
        "speech": Speech(5, 40, NOW - timedelta(seconds=3), ("en",)),
        "activity": Activity(100, 1, NOW - timedelta(seconds=2), AT),
        "recent": Activity(50, 1, NOW - timedelta(seconds=2)),
        "participants": 4,
        "latency_s": 0.4,
    }
    return Children(**{**values, **changes})


def of(word: str = "active", children: Children | None = None, **values: Any) -> Session:
    """A session that started a quarter of an hour ago, judged."""
    values = {"started_at": NOW - timedelta(minutes=15), **values}
    return judged(row(word, **values), children if children is not None else working(), NOW)


def kinds(session: Session) -> set[str]:
    """The kinds of what was found."""
    return {finding.kind for finding in session.findings}


@given(ROWS, CHILDREN)
def test_health_is_the_worst_that_is_known(word_row: Any, children: Children) -> None:
    health = judged(word_row, children, NOW).health
    known = [factor for factor in health.factors if factor.score is not None]
    assert [factor.name for factor in health.factors] == ["errors", "latency", "activity", "status"]
    assert all(health.state.rank >= factor.health.rank for factor in known)
    assert health.state is Health.UNKNOWN or health.state in {factor.health for factor in known}
    assert all(factor.health is Health.UNKNOWN for factor in health.factors if factor.score is None)


@given(ROWS, CHILDREN)
def test_a_bot_in_error_never_looks_healthy(word_row: Any, children: Children) -> None:
    session = judged(word_row, children, NOW)
    if session.status == Status.FAILED.value:
        assert session.health.state is Health.UNHEALTHY
        assert session.health.band == "critical"


@given(ROWS)
def test_without_data_nothing_is_healthy(word_row: Any) -> None:
    assert judged(word_row, Children(), NOW).health.state in {Health.UNKNOWN, Health.UNHEALTHY}


@given(ROWS, CHILDREN)
def test_no_length_of_time_is_negative_and_unknown_stays_unknown(word_row: Any, children: Children) -> None:
    session = judged(word_row, children, NOW)
    lengths = (session.age_s, session.in_state_s, session.quiet_s, session.last_word_s)
    assert all(length is None or length >= 0 for length in lengths)
    assert (session.words is None) == (children.speech is None)
    assert session.participants == children.participants


@given(ROWS, CHILDREN)
def test_only_words_of_no_vocabulary_are_unknown(word_row: Any, children: Children) -> None:
    assert ("unknown status" in kinds(judged(word_row, children, NOW))) == (word_row.raw_status == "odd")


def test_a_bot_that_works_is_healthy_and_nothing_is_found() -> None:
    session = of()
    assert (session.health.state, session.health.band, session.findings) == (Health.HEALTHY, "excellent", ())


@pytest.mark.parametrize(
    ("changes", "state", "culprit"),
    [
        ({"recent": Activity(100, 6, NOW)}, Health.UNHEALTHY, "errors"),
        ({"recent": Activity(100, 5, NOW)}, Health.HEALTHY, None),
        ({"recent": Activity(10, 3, NOW)}, Health.UNHEALTHY, "errors"),
        ({"recent": Activity(10, 2, NOW)}, Health.DEGRADED, "errors"),
        ({"latency_s": 2.01}, Health.DEGRADED, "latency"),
        ({"latency_s": None}, Health.HEALTHY, None),
        (
            {"speech": Speech(last_at=NOW - timedelta(seconds=301)), "activity": Activity()},
            Health.DEGRADED,
            "activity",
        ),
        ({"speech": Speech(last_at=NOW - timedelta(seconds=299)), "activity": Activity()}, Health.HEALTHY, None),
    ],
)
def test_each_limit(changes: dict[str, Any], state: Health, culprit: str | None) -> None:
    health = of(children=working(**changes)).health
    assert health.state is state
    assert [
        factor.name for factor in health.factors if factor.health.rank >= Health.DEGRADED.rank and factor.score
    ] == ([culprit] if culprit else [])


def test_recovering_is_seen_by_flag_and_by_word() -> None:
    for session in (of(recovering=True), of("recovering", recovering=None)):
        assert (session.status, session.recovering, session.health.state) == ("active", True, Health.RECOVERING)


def test_a_session_that_says_it_is_active_without_a_sign_of_life_is_a_ghost() -> None:
    silent = Children(Speech(), Activity(), Activity(), 0)
    assert kinds(of(children=silent, started_at=NOW - timedelta(seconds=rules.GHOST_S + 1))) == {"ghost"}
    assert not kinds(of(children=silent, started_at=NOW - timedelta(seconds=rules.GHOST_S - 1)))
    assert not kinds(of(children=Children(), started_at=NOW - timedelta(hours=1)))


def test_completed_but_empty() -> None:
    empty = working(speech=Speech())
    assert kinds(of("ended", empty, ended_at=NOW)) == {"completed but empty"}
    assert not kinds(of("ended", empty, ended_at=NOW, transcribes=False))
    never = of("ended", empty, ended_at=NOW, started_at=None)
    assert [(finding.kind, finding.what) for finding in never.findings] == [
        ("completed but empty", "it ended in good order without ever having started")
    ]
    assert not kinds(of("ended", working(speech=None), ended_at=NOW))


def test_an_end_without_a_time() -> None:
    assert kinds(of("terminated")) == {"no end"}
    assert not kinds(of("terminated", ended_at=NOW))


@pytest.mark.parametrize(("platform", "limit_s"), [("google_meet", 14_400), ("zoom", 3_600), ("", 3_600)])
def test_time_limits(platform: str, limit_s: int) -> None:
    for extra, expected in ((-1, set()), (1, {"over limit"})):
        session = of(platform=platform, started_at=NOW - timedelta(seconds=limit_s + extra))
        assert kinds(session) == expected


def test_a_bot_that_is_stuck_on_its_way_in() -> None:
    quick = working(activity=Activity(1, 0, NOW, NOW - timedelta(seconds=59)))
    stuck = working(activity=Activity(1, 0, NOW, NOW - timedelta(seconds=61)))
    assert not kinds(of("joining", quick))
    assert kinds(of("joining", stuck)) == {"over limit"}


def test_an_error_message_is_as_bad_as_the_status() -> None:
    finding = of("failed", error="kicked out", ended_at=NOW).findings[0]
    assert (finding.kind, finding.severity, finding.what) == ("error", State.CRITICAL, "kicked out")
    assert of(error="a hiccup").findings[0].severity is State.WARNING


@pytest.mark.parametrize(
    ("error", "side"),
    [
        ("the meeting ended before the bot was admitted", Side.HOST),
        ("removed by the host", Side.HOST),
        ("connection reset by peer", Side.NETWORK),
        ("Google Meet changed its selectors", Side.PLATFORM),
        ("browser crashed: out of memory", Side.US),
        ("speech service refused the stream: 429", Side.US),
        ("the meeting room closed", Side.HOST),
        ("could not resolve host name meet.google.com", Side.NETWORK),
        ("connection to host 10.0.0.1 lost", Side.NETWORK),
        ("ReadTimeout", Side.NETWORK),
        ("lost the database host db-1: refused", Side.US),
        ("OOMKilled", Side.US),
        ("assigning a name failed", Side.UNKNOWN),
        ("", Side.UNKNOWN),
        ("???", Side.UNKNOWN),
    ],
)
def test_whose_fault_it_is(error: str, side: Side) -> None:
    assert side_of(error) is side


def test_the_trend_compares_the_hour_with_the_day() -> None:
    steady = [(NOW - timedelta(hours=h, minutes=30), "crash") for h in range(24)]
    surge = [(NOW - timedelta(minutes=m), "kicked") for m in range(5)]
    old = [(NOW - timedelta(hours=30), "crash")]
    counts = fault_counts([*steady, *surge, *old], NOW)
    assert [(each.side, each.hour, each.day, each.trend) for each in counts] == [
        (Side.US, 1, 24, 0), (Side.HOST, 5, 5, 1),
    ]  # fmt: skip
