"""A model endpoint over a real socket that answers what a test scripts, byte by byte; and projects to work on."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from backends.drafting.model import Project

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def project(number: int = 1, **changes: Any) -> Project:
    """A project with a fixed id and time."""
    values: dict[str, Any] = {"id": UUID(int=number), "title": f"Project {number}", "created_at": AT, "updated_at": AT}
    return Project(**{**values, **changes})


def event(data: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def text(content: str) -> bytes:
    """A chunk with text."""
    return event({"model": "scripted-1", "choices": [{"index": 0, "delta": {"content": content}}]})


def finish(reason: str = "stop") -> bytes:
    """The chunk with the finish_reason."""
    return event({"model": "scripted-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


USAGE = event({"model": "scripted-1", "choices": [], "usage": {"prompt_tokens": 21, "completion_tokens": 4}})
DONE = b"data: [DONE]\n\n"


def whole(*contents: str) -> "Reply":
    """A proper streamed answer of these chunks."""
    return Reply([*map(text, contents), finish(), USAGE, DONE])


def failure(status: int, code: str | None = None, **headers: str) -> "Reply":
    """An error answer in the API's shape."""
    body = json.dumps({"error": {"message": f"scripted {status}", "code": code}}).encode()
    return Reply([body], status, {"Content-Type": "application/json", **headers})


@dataclass
class Reply:
    """What is sent: pieces, each flushed on its own, those after the first not before `go` is set.

    hold keeps the connection open after them, cut resets it.
    """

    pieces: Sequence[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})
    go: asyncio.Event | None = None
    hold: bool = False
    cut: bool = False


class Endpoint:
    """Answers each request with the next reply of its script; the last one repeats."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.hung_up = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "content-length: " in head:
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            self.requests.append(json.loads(await reader.readexactly(length)))
        self.times.append(time.monotonic())
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        try:
            await self._send(reader, writer, reply)
        except ConnectionError:
            self.hung_up.set()
        finally:
            writer.close()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply) -> None:
        headers = {**reply.headers, "Transfer-Encoding": "chunked", "Connection": "close"}
        lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in reply.pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await (reply.go.wait() if reply.go else asyncio.sleep(0))
        if reply.hold:
            await reader.read()
            self.hung_up.set()
        elif reply.cut:
            writer.transport.abort()
        else:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


@asynccontextmanager
async def running_endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint on a free loopback port."""
    served = Endpoint()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()
