"""The service's WebSocket, kept open: heartbeats both ways, the dead noticed, reconnects with back-off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from backends.bots.messages import ACCEPTED, HEARTBEAT, KNOWN, Message
from backends.clients.errors import BackendError, DeadlineExceeded
from backends.clients.websocket import socket_url, websocket
from backends.safety.url_secrets import mask_url
from backends.sampling.poller import pause_after
from backends.sampling.reading import Problem

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PATH: Final = "/api/websocket/connect"


class SocketState(Enum):
    """Where the connection stands."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat's times in seconds: how often we ping, how long a pong may take, how long nothing may come."""

    every_s: float = 30.0
    answer_s: float = 10.0
    dead_s: float = 40.0


STEADY_S: Final = 5.0
"""Seconds that a connection must last to count as good: one that closes at once is a failure like any other."""

FIRST_PAUSE_S: Final = 1.0


class ServiceSocket:
    """One connection to the service, opened anew whenever it ends.

    joined: a session whose own messages are wanted too. unusual counts what came and was no message, or of no known
    type; none of that ends anything.
    """

    def __init__(self, base: str, beat: Beat = Beat(), joined: str | None = None) -> None:
        self._url = socket_url(base, PATH)
        self._beat = beat
        self._joined = joined
        self.state = SocketState.DISCONNECTED
        self.problem: Problem | None = None
        self.failures = 0
        self.unusual = 0
        self._heard_at = self._asked_at = 0.0

    async def run(self, heard: Callable[[Message], object], opened: Callable[[], object] = lambda: None) -> None:
        """Forever: `heard` gets each message, `opened` is called with each new connection. Raises nothing but
        CancelledError."""
        while True:
            self.state = SocketState.CONNECTING
            started = time.monotonic()
            try:
                await self._connected(heard, opened)
            except BackendError as error:
                self.state, self.problem = SocketState.ERROR, error.problem()
            except asyncio.CancelledError:
                self.state = SocketState.DISCONNECTED
                raise
            self.failures = 1 if time.monotonic() - started >= STEADY_S else self.failures + 1
            await asyncio.sleep(pause_after(self.failures, FIRST_PAUSE_S))

    async def _connected(self, heard: Callable[[Message], object], opened: Callable[[], object]) -> None:
        async with websocket(self._url) as connection:
            self.state, self._heard_at, self._asked_at = SocketState.CONNECTED, time.monotonic(), 0.0
            if self._joined:
                await self._send(connection, Message("join_session", session_id=self._joined))
            opened()
            beating = asyncio.ensure_future(self._beats(connection))
            reading = asyncio.ensure_future(self._read(connection, heard))
            try:
                done, _ = await asyncio.wait((beating, reading), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                self.state = SocketState.DISCONNECTING
                for task in (beating, reading):
                    task.cancel()
                await asyncio.gather(beating, reading, return_exceptions=True)

    async def _read(self, connection: ClientConnection, heard: Callable[[Message], object]) -> None:
        while True:
            text = await connection.recv()
            self._heard_at, self._asked_at = time.monotonic(), 0.0
            self.problem = None
            message = Message.parse(text)
            if message is None or message.type not in KNOWN:
                self.unusual += 1
            elif message.type in {"ping", HEARTBEAT}:
                await self._send(connection, Message("pong", request_id=message.request_id))
            elif message.type != "pong":
                heard(message)

    async def _beats(self, connection: ClientConnection) -> None:
        """Pings when nothing was heard for a while. Raises DeadlineExceeded once it must be taken for dead."""
        while True:
            silent_s = time.monotonic() - self._heard_at
            asked_s = time.monotonic() - self._asked_at if self._asked_at else 0.0
            if silent_s >= self._beat.dead_s or asked_s >= self._beat.answer_s:
                where = mask_url(self._url)
                raise DeadlineExceeded(f"Nothing came for {silent_s:.0f} s.", where=where)
            if silent_s >= self._beat.every_s and not self._asked_at:
                self._asked_at = time.monotonic()
                await self._send(connection, Message("ping"))
            await asyncio.sleep(self._beat.answer_s / 10)

    async def _send(self, connection: ClientConnection, message: Message) -> None:
        assert message.type in ACCEPTED
        await connection.send(message.to_json())
