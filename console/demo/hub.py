"""The demo service's WebSocket connections: envelope, heartbeat and limits as the orchestration service has them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

ACCEPTED: Final = frozenset(
    {
        "ping", "pong", "join_session", "leave_session", "broadcast", "direct_message", "service_message",
        "service_response", "error", "system_message",
    }
)  # fmt: skip
TOO_MANY: Final = 1008
"""Close code for one connection too many."""


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Connections at a time; seconds between heartbeats, and of silence after which a client is taken for dead."""

    connections: int = 1_000
    heartbeat_s: float = 30.0
    dead_s: float = 40.0


@dataclass(slots=True, eq=False)
class _Client:
    socket: WebSocket
    heard_at: float
    sessions: set[str] = field(default_factory=set)
    outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(100))


class Hub:
    """All connections."""

    def __init__(self, limits: HubLimits) -> None:
        self._limits = limits
        self._clients: set[_Client] = set()

    def tell(self, type_: str, data: dict[str, Any], session_id: str | None = None, *, joined: bool = False) -> None:
        """To everybody, or to those who joined the session; a client that reads too slowly misses messages."""
        text = message(type_, data, session_id)
        for client in self._clients:
            if not joined or session_id in client.sessions:
                with contextlib.suppress(asyncio.QueueFull):
                    client.outbox.put_nowait(text)

    async def serve(self, socket: WebSocket) -> None:
        """One connection, until it ends."""
        await socket.accept()
        if len(self._clients) >= self._limits.connections:
            await socket.close(TOO_MANY, "connection limit reached")
            return
        client = _Client(socket, time.monotonic())
        self._clients.add(client)
        tasks = [asyncio.create_task(work(client)) for work in (self._send, self._receive, self._beat)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, client: _Client) -> None:
        while True:
            await client.socket.send_text(await client.outbox.get())

    async def _receive(self, client: _Client) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await client.socket.receive_text()
                client.heard_at = time.monotonic()
                client.outbox.put_nowait(answer) if (answer := _answer(client, text)) else None

    async def _beat(self, client: _Client) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat_s)
            if time.monotonic() - client.heard_at > self._limits.dead_s:
                await client.socket.close(1001, "no answer")
                return
            client.outbox.put_nowait(message("system:heartbeat", {"connections": len(self._clients)}))


def _answer(client: _Client, text: str) -> str | None:
    try:
        received = json.loads(text)
        type_, session_id = received["type"], received.get("session_id")
    except (ValueError, KeyError, TypeError, AttributeError):
        return message("error", {"error": "no message"})
    if type_ not in ACCEPTED:
        return message("error", {"error": f"unknown type {type_!r}"[:200]})
    if type_ == "ping":
        return message("pong", {}, request_id=received.get("request_id"))
    if type_ == "join_session" and session_id:
        client.sessions.add(str(session_id))
    if type_ == "leave_session":
        client.sessions.discard(str(session_id))
    return None


def message(type_: str, data: dict[str, Any], session_id: str | None = None, request_id: object = None) -> str:
    fields = {"type": type_, "data": data, "timestamp": datetime.now(UTC).isoformat(), "priority": 5}
    optional = {"session_id": session_id, "request_id": request_id}
    return json.dumps(fields | {name: value for name, value in optional.items() if value})
