"""The managers over the demo's own orchestration service, and over services that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.bots.managers import api as service_api
from backends.bots.managers import machine
from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import (
    BotEvent,
    BotRequest,
    BotState,
    Handle,
    OverCapacity,
    Place,
    ServiceRefused,
)
from backends.bots.managers.unified import UnifiedBotManager
from backends.bots.model import ENDED
from backends.bots.status import WORDS, may_follow, status_of
from backends.clients.errors import (
    BackendError,
    BadAnswer,
    CannotConnect,
    DeadlineExceeded,
    NotConfigured,
    NotThere,
    Refused,
)
from backends.clients.http import HttpClient
from backends.safety.gate import Gate, Token
from tests.backends.bots.gates import gate_in, token_for
from tests.orchestration import canned, orchestration_service

ALL_WORDS = sorted(word for words in WORDS.values() for word in words)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def meeting(number: int, platform: str = "google_meet") -> BotRequest:
    return BotRequest(platform, f"abc-{number}", f"https://meet.example/abc-{number}", "Weekly", ("es",))


class Kit:
    """A manager on a service, with tokens for it."""

    def __init__(self, base: str, gate: Gate) -> None:
        self._http = HttpClient(connect_s=1.0, answer_s=5.0)
        self.manager = UnifiedBotManager(ServiceApi(self._http, base))
        self._gate = gate

    def token(self, act: str) -> AbstractAsyncContextManager[Token]:
        return token_for(self._gate, act, self.manager.where)

    async def request(self, request: BotRequest, *, wait: bool = True) -> Handle:
        async with self.token("bots.request") as token:
            return await self.manager.request(token, request, wait=wait)

    async def aclose(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def kit(postgres_database: str, tmp_path: Path) -> AsyncIterator[Kit]:
    async with orchestration_service(postgres_database, tmp_path / "data") as base:
        made = Kit(base, gate_in(tmp_path))
        yield made
        await made.aclose()


async def row(database: str, bot_id: str) -> Any:
    connection = await asyncpg.connect(database)
    try:
        query = "SELECT * FROM bot_sessions WHERE bot_id = $1 ORDER BY created_at DESC"
        return await connection.fetchrow(query, bot_id)
    finally:
        await connection.close()


async def eventually(database: str, bot_id: str, *statuses: str) -> Any:
    async with asyncio.timeout(30):
        while (found := await row(database, bot_id)) is None or found["status"] not in statuses:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def test_a_bot_is_asked_for_extended_restarted_and_stopped(kit: Kit, postgres_database: str) -> None:
    handle = await kit.request(meeting(1, "zoom"))
    bot = await handle.settled()
    assert (handle.place, bot.platform, bot.meeting_id) == (Place.STARTED, "zoom", "abc-1")
    made = await row(postgres_database, bot.bot_id)
    assert (made["bot_type"], made["meeting_title"], made["target_languages"]) == ("zoom", "Weekly", '["es"]')
    async with kit.token("bots.extend") as token:
        assert "600 s" in await kit.manager.extend(token, bot.bot_id, "zoom", 600)
    assert await kit.manager.status(bot.bot_id, "zoom")
    async with kit.token("bots.restart") as token:
        await kit.manager.restart(token, bot.bot_id, "zoom", "")
    ended = await eventually(postgres_database, bot.bot_id, "completed", "failed")
    assert ended["ended_at"] is not None
    again = [each for each in (await kit.manager.refresh()).bots if each.meeting_id == "abc-1"]
    assert len(again) == 1
    assert again[0].bot_id != bot.bot_id
    async with kit.token("bots.stop") as token:
        await kit.manager.stop(token, again[0].bot_id, "zoom", "")
    assert (await eventually(postgres_database, again[0].bot_id, "completed"))["ended_at"] is not None


async def test_of_two_who_stop_the_same_bot_the_second_is_refused(kit: Kit) -> None:
    bot = (await kit.manager.refresh()).bots[0]

    async def stop() -> str:
        async with kit.token("bots.stop") as token:
            return await kit.manager.stop(token, bot.bot_id, bot.platform, bot.status)

    results = await asyncio.gather(stop(), stop(), return_exceptions=True)
    refused = [each for each in results if isinstance(each, ServiceRefused)]
    assert len(refused) == 1
    assert "already" in refused[0].message


async def test_a_stop_that_expects_another_status_is_refused(kit: Kit) -> None:
    bot = (await kit.manager.refresh()).bots[0]
    async with kit.token("bots.stop") as token:
        with pytest.raises(ServiceRefused, match="not starting"):
            await kit.manager.stop(token, bot.bot_id, bot.platform, "starting")
        with pytest.raises(NotThere, match="not found"):
            await kit.manager.stop(token, "no-such-bot", "zoom", "active")


async def test_over_capacity_requests_wait_in_turn_and_can_be_cancelled(kit: Kit) -> None:
    started: list[Handle] = []
    waiting: list[Handle] = []
    for number in range(30):
        handle = await kit.request(meeting(number, "zoom"))
        (started if handle.place is Place.STARTED else waiting).append(handle)
        if len(waiting) == 3:
            break
    assert started
    assert [handle.id for handle in kit.manager.queue] == [handle.id for handle in waiting]
    with pytest.raises(OverCapacity):
        await kit.request(meeting(98, "zoom"), wait=False)
    assert waiting[0].cancel()
    assert not waiting[0].cancel()
    assert not started[0].cancel()
    with pytest.raises(Refused, match="cancelled"):
        await waiting[0].settled()
    async with kit.token("bots.request") as token:
        last = await kit.manager.request(token, meeting(99, "zoom"))
        assert last in kit.manager.queue
        async with kit.token("bots.stop") as stopping:
            for handle in started:
                await kit.manager.stop(stopping, (await handle.settled()).bot_id, "zoom", "")
        async with asyncio.timeout(40):
            assert (await last.settled()).meeting_id == "abc-99"
    # The others' tokens were over when a place was free.
    assert [handle.place for handle in waiting[1:]] == [Place.FAILED, Place.FAILED]
    with pytest.raises(Refused, match="over"):
        await waiting[1].settled()


async def test_one_bot_a_meeting_on_google_meet(kit: Kit) -> None:
    taken = (await kit.manager.refresh()).bots[0]
    with pytest.raises(ServiceRefused, match="already"):
        await kit.request(BotRequest("google_meet", taken.meeting_id, "https://x"))
    with pytest.raises(ServiceRefused, match="no manager"):
        await kit.request(meeting(1, "webex"))


async def test_subscribers_hear_what_happens_and_a_failing_one_harms_nobody(kit: Kit) -> None:
    heard: list[BotEvent] = []

    def failing(_: BotEvent) -> None:
        raise ZeroDivisionError

    kit.manager.subscribe(failing)
    leave = kit.manager.subscribe(heard.append)
    view = await kit.manager.refresh()
    assert {event.kind.value for event in heard} == {"bot_spawned"}
    assert len(heard) == len(view.bots)
    async with kit.token("bots.stop") as token:
        await kit.manager.stop(token, view.bots[0].bot_id, view.bots[0].platform, "")
    async with asyncio.timeout(30):
        while not any(event.kind.value == "bot_terminated" for event in heard):
            await kit.manager.refresh()
            await asyncio.sleep(0.05)
    ended = kit.manager.states[view.bots[0].bot_id]
    assert ended.ended_at is not None
    assert not ended.holds_a_place
    leave()
    before = len(heard)
    await kit.request(meeting(5))
    assert len(heard) == before


@given(st.lists(st.sampled_from(ALL_WORDS), min_size=1, max_size=20))
def test_the_machine_takes_no_impossible_step_and_every_end_has_its_time(words: list[str]) -> None:
    state = machine.begun(words[0], NOW)
    for word in words[1:]:
        before: BotState = state
        try:
            state = machine.advanced(state, word, NOW)
        except machine.ImpossibleStep:
            wanted = status_of(word)
            assert wanted is not None
            assert not may_follow(before.status, wanted)
            assert state is before
        assert (state.ended_at is not None) is (state.status in ENDED)
        assert state.holds_a_place is (state.status not in ENDED)
        assert not (state.recovering and state.status in ENDED)


def test_what_looks_miss_is_passed_through_step_by_step() -> None:
    pending = machine.begun("requested", NOW)
    assert [state.status.value for state in machine.seen(pending, "paused", NOW)] == ["starting", "active", "paused"]
    assert [state.recovering for state in machine.seen(pending, "recovering", NOW)] == [False, True]
    assert machine.seen(pending, "pending", NOW) == ()
    with pytest.raises(machine.ImpossibleStep):
        machine.seen(machine.begun("active", NOW), "starting", NOW)


def test_an_unknown_word_is_an_error_and_no_state() -> None:
    with pytest.raises(BadAnswer, match="no vocabulary"):
        machine.begun("exploded", NOW)


ANSWERS = [
    ("200 OK", "<html>hello</html>", BadAnswer, "no JSON object"),
    ("200 OK", "[]", BadAnswer, "no JSON object"),
    ("200 OK", '{"bots": 3}', BadAnswer, "told of no bots"),
    ("500 Internal Server Error", '{"detail": "boom \\u001b[2J"}', BadAnswer, "boom ␛"),
    ("502 Bad Gateway", "<html>", BadAnswer, "HTTP 502"),
    ("503 Service Unavailable", '{"detail": {"message": "full"}}', OverCapacity, "full"),
    ("409 Conflict", '{"message": "busy"}', ServiceRefused, "busy"),
    ("404 Not Found", "", NotThere, "no such bot"),
]


@pytest.mark.parametrize(("status", "body", "error", "said"), ANSWERS)
async def test_what_a_service_may_answer(status: str, body: str, error: type[BackendError], said: str) -> None:
    http = HttpClient()
    async with canned(status, body) as service:
        with pytest.raises(error, match=said):
            await ServiceApi(http, service.url).active()
    await http.aclose()


async def test_down_slow_and_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    http = HttpClient(connect_s=1.0)
    with pytest.raises(CannotConnect):
        await ServiceApi(http, "http://127.0.0.1:9").active()
    with pytest.raises(NotConfigured, match="not configured"):
        await ServiceApi(http, "").active()
    monkeypatch.setattr(service_api, "ANSWER_S", 0.2)
    async with canned(silent=True) as service:
        with pytest.raises(DeadlineExceeded):
            await ServiceApi(http, service.url).active()
    await http.aclose()


async def test_nothing_is_ordered_without_the_right_token(tmp_path: Path) -> None:
    async with canned() as service:
        kit = Kit(service.url, gate_in(tmp_path))
        async with kit.token("bots.extend") as token:
            with pytest.raises(Refused):
                await kit.manager.stop(token, "b", "zoom", "")
        with pytest.raises(Refused, match="over"):
            await kit.manager.extend(token, "b", "zoom", 60)
        async with token_for(gate_in(tmp_path), "bots.stop", "elsewhere") as token:
            with pytest.raises(Refused):
                await kit.manager.stop(token, "b", "zoom", "")
        await kit.aclose()
        assert service.asked == []
