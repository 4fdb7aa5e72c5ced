"""The demo's orchestration service over its WebSocket: heartbeat, limits, membership; and our client on it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from backends.bots.messages import Message
from backends.bots.socket import ServiceSocket, SocketState
from backends.clients.http import HttpClient
from backends.config.service import ConfigService
from backends.config.sync import SyncWatch
from backends.config.sync_acts import UPDATE, Direction, ServiceSync
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from console.settings import own_problems
from tests.orchestration import orchestration_service
from tests.waiting import until

WS = "/api/websocket/connect"


def address(base: str) -> str:
    return base.replace("http", "ws") + WS


async def next_of(socket: ClientConnection, type_: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == type_:
                return message


async def test_it_beats_answers_pings_and_refuses_unknown_types(postgres_database: str, tmp_path: Path) -> None:
    service = orchestration_service(postgres_database, tmp_path / "d", OLORIN_DEMO_HEARTBEAT="0.3")
    async with service as base, connect(address(base)) as socket:
        beat = await next_of(socket, "system:heartbeat")
        assert beat["priority"] == 5
        await socket.send('{"type": "ping", "request_id": "r1"}')
        assert (await next_of(socket, "pong"))["request_id"] == "r1"
        for wrong in ('{"type": "bot_spawn"}', "no json", "[]", '{"type": 7}'):
            await socket.send(wrong)
            assert (await next_of(socket, "error"))["data"]["error"]
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_one_connection_too_many_is_closed_with_1008(postgres_database: str, tmp_path: Path) -> None:
    service = orchestration_service(
        postgres_database, tmp_path / "d", OLORIN_DEMO_CONNECTIONS="1", OLORIN_DEMO_HEARTBEAT="0.3"
    )
    async with service as base, connect(address(base)) as first:
        second = ServiceSocket(base)
        task = asyncio.ensure_future(second.run(lambda _: None))
        await until(lambda: second.problem is not None and "1008" in second.problem.message)
        await first.close()
        await until(lambda: second.state is SocketState.CONNECTED and second.problem is None)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_our_client_stays_connected_and_hears_of_changes(postgres_database: str, tmp_path: Path) -> None:
    heard: list[Message] = []
    opened: list[int] = []
    async with orchestration_service(postgres_database, tmp_path / "d", OLORIN_DEMO_HEARTBEAT="0.2") as base:
        socket = ServiceSocket(base)
        task = asyncio.ensure_future(socket.run(heard.append, lambda: opened.append(1)))
        await until(lambda: bool(opened))
        meeting = {"meeting_id": "abc", "meeting_url": "https://meet.example/abc"}
        async with httpx.AsyncClient() as client:
            bot = (await client.post(f"{base}/api/bot/spawn", json=meeting)).json()
        await until(lambda: any(each.changed_session == bot["session_id"] for each in heard))
        assert socket.state is SocketState.CONNECTED
        assert (len(opened), socket.unusual) == (1, 0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_its_audio_settings_have_drifted_and_take_ours(postgres_database: str, tmp_path: Path) -> None:
    gate = Gate(AuditTrail(tmp_path), this_author("demo", "development", "olorin test"), Arming(), production=False)
    http = HttpClient()
    async with orchestration_service(postgres_database, tmp_path / "d") as base, httpx.AsyncClient() as client:
        sync = ServiceSync(http, base, ConfigService(None, {}, own_problems), SyncWatch(), tmp_path)
        before = await sync.report()
        assert (before.state, [each.shown for each in before.drifts]) == ("drift_detected", ["chunk_duration: 3 → 4"])
        for wrong in ({"chunk_duration": 99}, {"overlap_duration": 2, "chunk_duration": 1}, {"colour": "red"}):
            refused = await client.post(base + UPDATE, json=wrong)
            assert (refused.status_code, refused.json()["success"]) == (400, False)
        plan = await sync.plan(Direction.PUSH)
        async with gate.act(plan.act, Consent("command", explicit=True)) as token:
            assert (await sync.carry_out(token, plan)).state == "synchronized"
    await http.aclose()
