"""What is seen of what was asked for: told by its own sessions and by the service, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from backends.bots.effects import PATIENCE_S, Asked, Traces, effect
from backends.bots.managers.model import RunningBot, ServiceView
from backends.bots.model import SessionRow
from backends.bots.service import NEWEST_LIMIT, BotsService
from tests.backends.bots.conftest import Store, ago
from tests.backends.bots.test_flow import NOW, row


def traces(*rows: SessionRow, view: ServiceView | None = None) -> Traces:
    return Traces(rows, view)


ASKED = Asked("stop", "s1", "b1", "m", NOW, 3_600.0, frozenset({"s1"}))


def test_effects_are_watched_until_seen() -> None:
    assert effect(ASKED, traces(row()), NOW).words == "asked to stop"
    assert effect(ASKED, traces(row(raw_status="stopping")), NOW).words == "is leaving"
    done = effect(ASKED, traces(row(raw_status="ended")), NOW)
    assert (done.over, done.good) == (True, True)
    assert not effect(ASKED, traces(row(raw_status="error")), NOW).good
    late = effect(ASKED, traces(row()), NOW + timedelta(seconds=PATIENCE_S + 1))
    assert (late.over, late.good) == (True, False)
    assert "not seen within 60 s" in late.words
    extend = replace(ASKED, verb="extend")
    assert not effect(extend, traces(row()), NOW).over
    assert effect(extend, traces(row(extended_s=3_600.0)), NOW).words == "may run 2.0 h"
    request = Asked("request", "", "b9", "m", NOW)
    assert effect(request, traces(row()), NOW).words == "its session is awaited"
    assert effect(request, traces(row(bot_id="b9")), NOW).good


def test_nothing_is_seen_in_what_does_not_tell_of_it() -> None:
    """A row that is gone says nothing of how the bot ended, and no table tells of a stray."""
    gone = effect(ASKED, traces(), NOW)
    assert (gone.words, gone.over, gone.good) == ("its session was deleted", True, False)
    stray = replace(ASKED, session_id="", stray=True)
    running = RunningBot("b1", "", "m", "zoom", "active", None)
    after = NOW + timedelta(seconds=1)
    for view in (None, ServiceView(NOW, ()), ServiceView(after, (running,))):
        assert not effect(stray, traces(view=view), after).over
    assert effect(stray, traces(view=ServiceView(after, ())), after).good


def test_a_restart_is_over_with_a_session_that_was_not_there_before() -> None:
    restart = replace(ASKED, verb="restart", meeting=frozenset({"s1", "beside"}))
    ended, beside = row(raw_status="ended"), row(session_id="beside", bot_id="b3")
    assert not effect(restart, traces(ended, beside), NOW).over
    back = effect(restart, traces(ended, beside, row(session_id="s2", bot_id="b2")), NOW)
    assert (back.words, back.over) == ("comes back as b2", True)


def test_what_had_no_answer_is_watched_and_said_to_be_so() -> None:
    unanswered = replace(ASKED, unanswered="no answer in time")
    assert effect(unanswered, traces(row()), NOW).words.startswith("no answer (no answer in time), it may have been")
    assert effect(unanswered, traces(row(raw_status="ended")), NOW).good
    request = Asked("request", "", "", "m", NOW, meeting=frozenset({"s1"}), unanswered="no answer in time")
    assert not effect(request, traces(row()), NOW).over
    assert effect(request, traces(row(), row(session_id="s2", bot_id="b2")), NOW).good


async def test_traces_are_found_whatever_the_lists_show(store: Store, bots: BotsService) -> None:
    meant = await store.session(bot_id="b1", meeting_id="m", status="failed", created_at=ago(90_000))
    for number in range(NEWEST_LIMIT + 1):
        await store.session(bot_id=f"other-{number}", meeting_id="other", status="ended")
    asked = replace(ASKED, session_id=meant)
    assert meant not in {each.session_id for each in (await bots.watch()).sessions}
    seen = effect(asked, await bots.traces([asked]), NOW)
    assert (seen.words, seen.over, seen.good) == ("failed", True, False)
    assert (await bots.beforehand(asked)).meeting == {meant}
    new = await store.session(bot_id="b2", meeting_id="m")
    assert {each.session_id for each in (await bots.traces([asked])).rows} == {meant, new}
