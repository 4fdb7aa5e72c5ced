"""One vocabulary for six, the changes that may be made, and what follows from the events that made them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.bots.model import ENDED, SessionRow, Status
from backends.bots.status import NEXT, counts_as_shown, live_words, may_follow, shown_status, status_of, words_meaning
from backends.bots.timeline import impossible_changes, spans

VOCABULARIES = {
    "generic manager": "pending starting running stopping stopped error recovering",
    "Google manager": "spawning active paused ending error terminated ended",
    "API": "spawning joining active recording processing error terminating terminated",
    "old database managers": "spawning active paused ended error",
    "lifecycle manager": "requested initializing spawning starting active degraded recovering pausing paused resuming"
    " stopping stopped terminating terminated failed",
    "unified repository": "initializing active recording processing completed",
    "ORM": "pending",
}
WORDS = st.sampled_from(sorted({word for words in VOCABULARIES.values() for word in words.split()}))
AT = datetime(2026, 1, 20, 3, tzinfo=UTC)
NOW = AT + timedelta(hours=2)


def row(status: str = "active", **values: object) -> SessionRow:
    """A session that was created and started at AT."""
    defaults: dict[str, object] = {
        "session_id": "id", "bot_id": "bot", "meeting_id": "m", "title": "", "platform": "google_meet",
        "raw_status": status, "recovering": False, "created_at": AT, "started_at": AT, "ended_at": None,
        "target_languages": (), "transcribes": True, "error": "",
    }  # fmt: skip
    return SessionRow(**{**defaults, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_every_word_of_every_vocabulary_has_a_status(vocabulary: str) -> None:
    assert all(status_of(word) is not None for word in VOCABULARIES[vocabulary].split())


@given(WORDS, st.sampled_from([str.upper, str.title, lambda word: f" {word} "]))
def test_case_and_spaces_do_not_matter(word: str, change: object) -> None:
    assert status_of(change(word)) is status_of(word)  # type: ignore[operator]


@given(st.text("abcdefgh_", max_size=30).filter(lambda word: status_of(word) is None))
def test_an_unknown_word_shows_as_itself_and_counts_as_live(word: str) -> None:
    assert shown_status(word) == word
    assert live_words([word]) == [word]


@given(st.dictionaries(st.one_of(WORDS, st.text(max_size=8)), st.integers(0, 10**9)))
def test_counting_by_status_loses_no_session(raw: dict[str, int]) -> None:
    counts = counts_as_shown(raw)
    assert sum(counts.values()) == sum(raw.values())
    assert {status.value for status in Status} <= set(counts)
    asked = {name: sum(raw[word] for word in words_meaning(name, raw)) for name in counts}
    assert asked == counts


@given(st.sampled_from(Status), st.sampled_from(Status))
def test_nothing_leaves_an_end_and_every_end_is_in_reach(before: Status, after: Status) -> None:
    if before in ENDED:
        assert may_follow(before, after) is (before is after)
    else:
        assert NEXT[before] >= ENDED


@given(st.lists(st.tuples(st.integers(0, 7_000), WORDS), max_size=12))
def test_a_timeline_is_whole_and_in_order(changes: list[tuple[int, str]]) -> None:
    timeline = spans(row(), [(AT + timedelta(seconds=at), word) for at, word in changes], NOW)
    assert timeline
    assert [span.since for span in timeline] == sorted(span.since for span in timeline)
    for span, following in pairwise(timeline):
        assert span.seconds == (following.since - span.since).total_seconds()
    ended = timeline[-1].status in {"completed", "failed"}
    assert timeline[-1].seconds is None if ended else timeline[-1].seconds == (NOW - timeline[-1].since).total_seconds()


def test_a_normal_life_has_no_impossible_change() -> None:
    words = ["requested", "spawning", "joining", "active", "paused", "resuming", "recording", "ending", "terminated"]
    timeline = spans(row("terminated"), [(AT + timedelta(minutes=n), word) for n, word in enumerate(words)], NOW)
    assert not list(impossible_changes(timeline))
    assert [span.status for span in timeline] == [
        "pending", "starting", "active", "paused", "active", "stopping", "completed",
    ]  # fmt: skip
    assert [span.seconds for span in timeline] == [60, 120, 60, 60, 120, 60, None]


def test_the_rows_own_status_is_the_last() -> None:
    """An event tells that a session ended, the row tells how; an unknown word is told like any other."""
    for word in ("failed", "terminated", "odd"):
        timeline = spans(row(word, ended_at=NOW), [(AT, "active"), (NOW, "completed")], NOW)
        assert [span.status for span in timeline] == ["active", shown_status(word)]
    assert [span.status for span in spans(row("paused"), [(AT, "active")], NOW)] == ["active", "paused"]


def test_a_recovery_is_a_time_of_its_own() -> None:
    changes = [(AT, "active"), (AT + timedelta(minutes=5), "recovering"), (AT + timedelta(minutes=7), "active")]
    timeline = spans(row(), changes, NOW)
    assert [(span.status, span.recovering) for span in timeline] == [
        ("active", False), ("active", True), ("active", False),
    ]  # fmt: skip
    assert spans(row(recovering=True), changes[:2], NOW)[-1].recovering


def test_a_life_after_the_end_is_a_finding() -> None:
    timeline = spans(row(), [(AT, "active"), (AT + timedelta(minutes=1), "ended"), (NOW, "active")], NOW)
    assert [finding.what for finding in impossible_changes(timeline)] == ["completed was followed by active"]


@pytest.mark.parametrize(
    ("status", "values", "expected"),
    [
        ("pending", {"started_at": None}, ["pending"]),
        ("active", {}, ["pending", "active"]),
        ("paused", {}, ["pending", "active", "paused"]),
        ("completed", {"ended_at": NOW}, ["pending", "active", "completed"]),
        ("failed", {"started_at": None, "ended_at": NOW}, ["pending", "failed"]),
        ("odd", {}, ["pending", "active", "odd"]),
    ],
)
def test_without_events_the_rows_own_times_tell(status: str, values: dict[str, object], expected: list[str]) -> None:
    timeline = spans(row(status, **values), [], NOW)
    assert [span.status for span in timeline] == expected
    assert all(span.possible for span in timeline)
