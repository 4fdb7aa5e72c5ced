"""WebSockets of other services (websockets): opened with deadlines, with a cap on what one message may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from backends.clients.errors import AccessDenied, BackendError, BadAnswer, CannotConnect, DeadlineExceeded, mapped
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.safety.url_secrets import mask_url

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MESSAGE_LIMIT: Final = 1024 * 1024
"""Bytes of one message at most; a larger one ends the connection."""

OPEN_S: Final = 10.0
CLOSE_S: Final = 2.0
POLICY_VIOLATION: Final = 1008
"""Close code of a service that takes no more connections."""


@asynccontextmanager
async def websocket(url: str) -> AsyncIterator[ClientConnection]:
    """A connection, closed at the block's end. Raises BackendError; so does whatever fails inside."""
    client = await load("websockets.asyncio.client")
    with websocket_errors(url):
        async with client.connect(
            url,
            max_size=MESSAGE_LIMIT,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            # The service has a heartbeat of its own, which is what is watched.
            ping_interval=None,
            proxy=None,
            user_agent_header=application_name(),
        ) as connection:
            yield connection


def socket_url(base: str, path: str) -> str:
    """The WebSocket's address beside an HTTP base.

    >>> socket_url("https://h:3000/api/", "/ws")
    'wss://h:3000/api/ws'
    """
    parts = urlsplit(base)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit(parts._replace(scheme=scheme, path=parts.path.rstrip("/") + path))


def websocket_errors(url: str) -> AbstractContextManager[None]:
    """Turns websockets' exceptions into BackendError, with the masked URL."""
    return mapped(lambda error: _mapped(error, mask_url(url)))


def _mapped(error: Exception, where: str) -> BackendError | None:
    from websockets import exceptions

    if isinstance(error, TimeoutError):
        return DeadlineExceeded("No answer in time.", where=where)
    if isinstance(error, exceptions.ConnectionClosed):
        code = error.rcvd.code if error.rcvd else None
        if code == POLICY_VIOLATION:
            return AccessDenied("It takes no more connections (1008).", where=where, hint="Close other consoles.")
        said = f" with code {code}" if code else ""
        return CannotConnect(f"It closed the connection{said}.", where=where, hint="It is tried again by itself.")
    if isinstance(error, exceptions.InvalidStatus):
        return BadAnswer(f"It answered with HTTP {error.response.status_code}.", where=where)
    if isinstance(error, exceptions.WebSocketException | EOFError):
        return BadAnswer(f"It speaks no WebSocket: {error}", where=where)
    if isinstance(error, OSError | ValueError):
        return CannotConnect(f"No answer: {error}", where=where, hint="Is the service running?")
    return None
