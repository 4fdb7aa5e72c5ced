"""The WebSocket client over real sockets: heartbeats, limits, and services that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from backends.bots import socket as sockets
from backends.bots.messages import Message
from backends.bots.socket import Beat, ServiceSocket, SocketState
from tests.waiting import until

QUICK = Beat(every_s=0.1, answer_s=0.3, dead_s=0.6)
Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def service(handler: Handler, port: int = 0) -> AsyncIterator[tuple[str, int]]:
    """A WebSocket service; its HTTP base and its port."""
    async with serve(handler, "127.0.0.1", port) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"http://127.0.0.1:{port}", port


@asynccontextmanager
async def running(socket: ServiceSocket, heard: list[Message], opened: list[int] | None = None) -> AsyncIterator[None]:
    task = asyncio.ensure_future(socket.run(heard.append, lambda: (opened if opened is not None else []).append(1)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(autouse=True)
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "FIRST_PAUSE_S", 0.05)


def text(type_: str, **fields: object) -> str:
    return json.dumps({"type": type_, "data": {}, **fields})


async def test_messages_arrive_pings_are_answered_and_what_is_none_is_counted() -> None:
    answers: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        for each in (
            text("bot_status", session_id="s1"), "<html>", "[]", text("teapot"), text("system:heartbeat"),
            text("ping", request_id="r7"), text("bot_update", data={"session_id": "s2"}), "[" * 100_000,
        ):  # fmt: skip
            await connection.send(each)
        async for answer in connection:
            answers.append(str(answer))

    heard: list[Message] = []
    async with service(talk) as (base, _):
        socket = ServiceSocket(base, joined="s1")
        async with running(socket, heard):
            await until(lambda: len(heard) == 2 and len(answers) == 3)
            await until(lambda: socket.unusual == 4)
            assert socket.state is SocketState.CONNECTED
    assert [each.changed_session for each in heard] == ["s1", "s2"]
    sent = [json.loads(each) for each in answers]
    assert [(each["type"], each.get("session_id"), each.get("request_id")) for each in sent] == [
        ("join_session", "s1", None),
        ("pong", None, None),
        ("pong", None, "r7"),
    ]
    assert all(each["timestamp"] and 0 <= each["priority"] <= 10 for each in sent)


async def test_a_silent_service_is_asked_and_then_taken_for_dead() -> None:
    asked: list[str] = []

    async def silent(connection: ServerConnection) -> None:
        async for message in connection:
            asked.append(json.loads(message)["type"])

    async with service(silent) as (base, _):
        socket, opened = ServiceSocket(base, QUICK), list[int]()
        async with running(socket, [], opened):
            await until(lambda: len(opened) >= 2)
            assert asked[0] == "ping"
            await until(lambda: socket.problem is not None and socket.problem.kind == "too slow")


async def test_pongs_keep_it_alive() -> None:
    async def polite(connection: ServerConnection) -> None:
        async for _ in connection:
            pongs.append(1)
            await connection.send(text("pong"))

    pongs: list[int] = []
    async with service(polite) as (base, _):
        socket, opened = ServiceSocket(base, QUICK), list[int]()
        async with running(socket, [], opened):
            await until(lambda: len(pongs) >= 5)
            assert (len(opened), socket.state) == (1, SocketState.CONNECTED)


async def test_a_service_that_closes_at_once_is_asked_ever_less_often() -> None:
    async def closing(connection: ServerConnection) -> None:
        await connection.close()

    async with service(closing) as (base, _):
        socket = ServiceSocket(base)
        async with running(socket, []):
            await until(lambda: socket.failures >= 4)
            assert socket.problem is not None
            assert socket.problem.kind == "cannot connect"


async def test_a_full_service_is_said_to_be_full() -> None:
    async def full(connection: ServerConnection) -> None:
        await connection.close(1008, "too many")

    async with service(full) as (base, _):
        socket = ServiceSocket(base)
        async with running(socket, []):
            await until(lambda: socket.problem is not None and "1008" in socket.problem.message)
            assert socket.state in {SocketState.ERROR, SocketState.CONNECTING, SocketState.CONNECTED}


async def test_html_instead_of_a_websocket_and_nobody_at_all() -> None:
    def page(_: ServerConnection, __: Request) -> Response:
        return Response(HTTPStatus.OK, "OK", Headers({"Content-Type": "text/html"}), b"<html>hello</html>")

    async def never(_: ServerConnection) -> None:
        raise AssertionError

    async with serve(never, "127.0.0.1", 0, process_request=page) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = ServiceSocket(f"http://127.0.0.1:{port}")
        async with running(socket, []):
            await until(lambda: socket.problem is not None and socket.problem.kind == "bad answer")
    socket = ServiceSocket("http://127.0.0.1:9")
    async with running(socket, []):
        await until(lambda: socket.problem is not None and socket.problem.kind == "cannot connect")


async def test_it_comes_back_with_the_service() -> None:
    async def stay(connection: ServerConnection) -> None:
        await connection.wait_closed()

    opened: list[int] = []
    async with service(stay) as (base, port):
        socket = ServiceSocket(base)
        task = running(socket, [], opened)
        await task.__aenter__()
        await until(lambda: len(opened) == 1)
    await until(lambda: socket.state is SocketState.ERROR)
    async with service(stay, port):
        await until(lambda: len(opened) == 2)
        await task.__aexit__(None, None, None)
    assert socket.state is SocketState.DISCONNECTED


async def test_a_message_beyond_the_limit_ends_the_connection_and_not_the_client() -> None:
    async def huge(connection: ServerConnection) -> None:
        await connection.send("x" * (2 * 1024 * 1024))
        await connection.wait_closed()

    async with service(huge) as (base, _):
        socket, opened = ServiceSocket(base), list[int]()
        async with running(socket, [], opened):
            await until(lambda: len(opened) >= 2)
