"""Requests and orders to a service that is slow, vague or forgets: sent once, and never told as refused or done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from backends.bots.managers import api as service_api
from backends.bots.managers import requests
from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import (
    BotEvent,
    BotRequest,
    OverCapacity,
    Place,
    RunningBot,
    ServiceRefused,
    ServiceView,
)
from backends.bots.managers.unified import UnifiedBotManager
from backends.bots.processes import Processes
from backends.clients.errors import BackendError, BadAnswer, CannotConnect, NotThere, OutcomeUnknown
from backends.clients.http import HttpClient
from backends.safety.audit import AuditTrail
from backends.safety.gate import Token
from backends.sampling.reading import utc_now
from tests.backends.bots.gates import gate_in, token_for
from tests.backends.bots.test_managers import NOW, Kit, meeting
from tests.orchestration import canned


class Service(ServiceApi):
    """A service of the test's own making: what it lists, how long a start takes, and how those ended that it had."""

    def __init__(self) -> None:
        super().__init__(HttpClient(), "http://service.example")
        self.bots: list[RunningBot] = []
        self.ended: dict[str, str] = {}
        self.spawned = 0
        self.was_asked = asyncio.Event()
        self.may_start = asyncio.Event()

    def lists(self, *bots: tuple[str, str]) -> None:
        self.bots = [RunningBot(id_, "", f"m-{id_}", "zoom", status, NOW) for id_, status in bots]

    async def active(self) -> ServiceView:
        return ServiceView(utc_now(), tuple(self.bots))

    async def status(self, bot_id: str) -> str:
        if bot_id not in self.ended:
            raise NotThere("no such bot")
        return self.ended[bot_id]

    async def spawn(self, token: Token, request: BotRequest) -> RunningBot:
        self.spawned += 1
        self.was_asked.set()
        await self.may_start.wait()
        return RunningBot(f"new-{self.spawned}", "", request.meeting_id, request.platform, "pending", utc_now())


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(requests, "QUEUE_S", 0.01)
    return Service()


async def test_a_slow_service_is_asked_once_for_each_bot(service: Service, tmp_path: Path) -> None:
    manager = UnifiedBotManager(service)
    service.lists(*((f"b{number}", "active") for number in range(10)))
    async with token_for(gate_in(tmp_path), "bots.request", manager.where) as token:
        waiting = await manager.request(token, meeting(1, "zoom"))
        assert (waiting.place, manager.queue) == (Place.QUEUED, (waiting,))
        service.lists(*((f"b{number}", "active") for number in range(9)))
        processes = Processes(manager)
        await service.was_asked.wait()
        for _ in range(3):
            assert await processes.view() is not None
            await manager.refresh()
        assert (waiting.place, waiting.cancel()) == (Place.STARTING, False)
        with pytest.raises(OverCapacity, match="10 of 10"):
            await manager.request(token, meeting(2, "zoom"), wait=False)
        service.may_start.set()
        assert (await waiting.settled()).bot_id == "new-1"
        # Its bot isn't listed yet, and holds its place all the same.
        with pytest.raises(OverCapacity, match="10 of 10"):
            await manager.request(token, meeting(2, "zoom"), wait=False)
    assert service.spawned == 1


async def test_states_follow_what_looks_miss_and_how_a_bot_ended(service: Service) -> None:
    manager = UnifiedBotManager(service)
    heard: list[BotEvent] = []
    manager.subscribe(heard.append)
    for status in ("pending", "active"):
        service.lists(("fails", status), ("leaves", status))
        await manager.refresh()
    service.lists()
    service.ended = {"fails": "error"}
    await manager.refresh()
    told = {bot: [event.kind.value for event in heard if event.bot_id == bot] for bot in ("fails", "leaves")}
    assert told["fails"] == ["bot_spawned", "status_change", "status_change", "bot_error"]
    assert told["leaves"] == ["bot_spawned", "status_change", "status_change", "bot_terminated"]
    assert manager.states["fails"].status.value == "failed"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("502 Bad Gateway", "<html>", OutcomeUnknown),
        ("200 OK", "<html>", OutcomeUnknown),
        ("401 Unauthorized", "{}", BadAnswer),
        ("409 Conflict", "{}", ServiceRefused),
    ],
)
async def test_an_order_without_a_clear_answer_has_an_unknown_outcome(
    tmp_path: Path, status: str, body: str, error: type[BackendError]
) -> None:
    async with canned(status, body) as service:
        kit = Kit(service.url, gate_in(tmp_path))
        async with kit.token("bots.stop") as token:
            with pytest.raises(error):
                await kit.manager.stop(token, "b", "zoom", "")
        await kit.aclose()


async def test_an_order_that_is_not_answered_in_time_is_neither_done_nor_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_api, "ANSWER_S", 0.2)
    async with canned(silent=True) as service:
        kit = Kit(service.url, gate_in(tmp_path))
        with pytest.raises(OutcomeUnknown, match="in time"):
            async with kit.token("bots.stop") as token:
                await kit.manager.stop(token, "b", "zoom", "")
        await kit.aclose()
    assert AuditTrail(tmp_path).read().entries[-1]["outcome"] == "unknown outcome"
    away = Kit("http://127.0.0.1:9", gate_in(tmp_path))
    async with away.token("bots.stop") as token:
        with pytest.raises(CannotConnect):
            await away.manager.stop(token, "b", "zoom", "")
    await away.aclose()


async def test_a_service_that_cannot_extend_is_not_said_to_miss_the_bot(tmp_path: Path) -> None:
    class Older(Service):
        async def _order(self, token: Token, bot_id: str, verb: str, body: Mapping[str, object]) -> str:
            raise NotThere("Not Found")

    service = Older()
    service.ended = {"b1": "active"}
    manager = UnifiedBotManager(service)
    async with token_for(gate_in(tmp_path), "bots.extend", manager.where) as token:
        with pytest.raises(ServiceRefused, match="no way to extend"):
            await manager.extend(token, "b1", "zoom", 60)
        with pytest.raises(NotThere, match="no such bot"):
            await manager.extend(token, "b2", "zoom", 60)
