"""Postgres' simple query protocol: a question as text, an answer in rows of text. Reads whole messages only."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from backends.clients.errors import BackendError, BadAnswer, CannotConnect

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of an answer; no console's is near that."""

Message = tuple[bytes, bytes]
"""A message's type and body."""


class SimpleQueries(asyncio.Protocol):
    """One question after the other, over a connection that is past its start."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._unread = bytearray()
        self._messages: list[Message] = []
        self._answer: asyncio.Future[list[Message]] | None = None

    async def ask(self, question: str) -> list[Mapping[str, str | None]]:
        """The rows of the answer. Raises BackendError."""
        if self._transport.is_closing():
            raise CannotConnect("The connection has ended.", hint="It is tried again by itself.")
        self._answer = asyncio.get_running_loop().create_future()
        self._messages = []
        body = question.encode() + b"\0"
        self._transport.write(b"Q" + struct.pack("!I", len(body) + 4) + body)
        return rows_of(await self._answer)

    def data_received(self, data: bytes) -> None:
        """Gathers messages until the server is ready for the next question."""
        self._unread += data
        for message in messages_in(self._unread):
            self._messages.append(message)
            if message[0] == b"Z":
                self._settle(None)
        if len(self._unread) > LARGEST or len(self._messages) > LARGEST // 64:
            self._settle(BadAnswer("The answer is too large."))
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will answer any more."""
        self._settle(CannotConnect("The connection was lost.", hint="It is tried again by itself."))

    def _settle(self, error: BackendError | None) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(self._messages)
        else:
            answer.set_exception(error)


def messages_in(unread: bytearray) -> Iterator[Message]:
    """The whole messages at the start of what was received, which are taken from it.

    >>> unread = bytearray(b"C\\0\\0\\0\\x06ok" b"Z\\0\\0")
    >>> list(messages_in(unread)), bytes(unread)
    ([(b'C', b'ok')], b'Z\\x00\\x00')
    """
    while len(unread) >= 5:
        length = int.from_bytes(unread[1:5])
        if not 4 <= length <= LARGEST:
            raise BadAnswer("What answers does not speak Postgres' protocol.")
        if len(unread) < length + 1:
            return
        message = bytes(unread[:1]), bytes(unread[5 : length + 1])
        del unread[: length + 1]
        yield message


def rows_of(messages: list[Message]) -> list[Mapping[str, str | None]]:
    """The rows by their columns' names. Raises BadAnswer with what the server says where it says no."""
    columns: list[str] = []
    rows: list[Mapping[str, str | None]] = []
    for kind, body in messages:
        if kind == b"E":
            raise BadAnswer(_said(body))
        if kind == b"T":
            columns = _columns(body)
        elif kind == b"D":
            rows.append(dict(zip(columns, _values(body), strict=False)))
    return rows


def _columns(body: bytes) -> list[str]:
    names, place = [], 2
    for _ in range(int.from_bytes(body[:2])):
        end = body.index(b"\0", place)
        names.append(body[place:end].decode("utf-8", "replace"))
        place = end + 19  # the zero byte, then table, column, type, size, modifier and format
    return names


def _values(body: bytes) -> Iterator[str | None]:
    place = 2
    for _ in range(int.from_bytes(body[:2])):
        length = int.from_bytes(body[place : place + 4], signed=True)
        place += 4
        if length < 0:
            yield None
        else:
            yield body[place : place + length].decode("utf-8", "replace")
            place += length


def _said(body: bytes) -> str:
    """The message of an error, whose fields each begin with a letter."""
    fields = {field[:1]: field[1:] for field in body.split(b"\0")}
    return fields.get(b"M", b"an error without words").decode("utf-8", "replace")
