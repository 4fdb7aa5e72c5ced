"""What was asked for, in lines: what waits, what is watched, what is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backends.bots.effects import Asked, Effect
from backends.bots.managers.model import BotRequest, Handle
from screens.bot_asked import KEPT_S, SHOWN, AskedLog, Entry
from widgets.tone import Cell

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ASKED = Asked("stop", "s1", "b1", "m", NOW)


def words(lines: list[tuple[Cell, ...]]) -> list[str]:
    return [str(line[0] if isinstance(line[0], str) else line[0].text) for line in lines]


def waiting(number: int) -> Entry:
    request = BotRequest("zoom", str(number), f"https://zoom.us/j/{number}")
    return Entry(f"a bot for {number}", NOW, handle=Handle(str(number), request))


def test_requests_that_wait_stand_there_with_their_places() -> None:
    log = AskedLog([waiting(1), waiting(2)])
    first, second = words(log.lines(NOW))
    assert first == "◔ a bot for 1: every place is taken, number 1 of those who wait"
    assert second == "◔ a bot for 2: every place is taken, number 2 of those who wait; w takes it back"
    handle = log.entries[1].handle
    assert handle is not None
    assert handle.cancel()
    assert words(log.lines(NOW))[0].endswith("number 1 of those who wait; w takes it back")


def test_what_is_over_gives_way_to_what_is_not_and_goes_after_a_while() -> None:
    done = [Entry(f"stop {number}", NOW, seen=Effect("completed", True, True), over_at=NOW) for number in range(SHOWN)]
    log = AskedLog([*done, Entry("stop b1", NOW, ASKED)])
    lines = words(log.lines(NOW))
    assert lines[:2] == ["◔ stop b1: the service was asked, and has not answered yet", f"● stop {SHOWN - 1}: completed"]
    assert lines[-1] == "and 1 more"
    assert words(log.lines(NOW + timedelta(seconds=KEPT_S + 1))) == lines[:1]


def test_who_leaves_takes_back_what_was_not_sent_and_has_the_rest_watched() -> None:
    queued, sent = waiting(1), Entry("stop b1", NOW, ASKED)
    for entry in (Entry("stop b2", NOW), queued, sent):
        entry.leave(NOW)
        assert bool(entry.refused) is not entry.is_sent
    assert queued.handle is not None
    assert not queued.handle.cancel()
    assert sent.asked is not None
    assert sent.asked.unanswered == "the page was left"


def test_an_answer_starts_the_watch_and_a_refusal_ends_it() -> None:
    later = NOW + timedelta(seconds=9)
    entry = Entry("stop b1", NOW, ASKED)
    entry.watch(later, "no answer in time")
    assert entry.asked == Asked("stop", "s1", "b1", "m", later, unanswered="no answer in time")
    entry.refuse("refused: no", later)
    assert words(AskedLog([entry]).lines(later)) == ["✖ stop b1: refused: no"]
