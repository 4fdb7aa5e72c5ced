"""A small orchestration service over a real socket: tells its audio settings, and takes changes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from backends.config.orchestration import AudioChunkingConfig
from backends.config.sync import PATH
from backends.config.sync_acts import UPDATE


class AudioService:
    """Its settings; what it was sent; whether it refuses changes, or says yes and changes nothing."""

    def __init__(self, **settings: Any) -> None:
        self.settings = {**AudioChunkingConfig().model_dump(), **settings}
        self.sent: list[dict[str, Any]] = []
        self.refuses = False
        self.forgets = False
        self.url = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body."""
        if (method, path) == ("GET", PATH):
            return 200, {"orchestration_service": {"chunking_config": self.settings}}
        if (method, path) != ("POST", UPDATE):
            return 404, {"detail": "not found"}
        if self.refuses:
            return 400, {"success": False, "errors": ["chunk_duration \x1b[2Jis locked"]}
        self.sent.append(json.loads(body))
        if not self.forgets:
            self.settings |= self.sent[-1]
        return 200, {"success": True, "changes_applied": self.sent[-1], "errors": []}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((line.split(":")[1] for line in head.lower().splitlines() if "content-length" in line), "0")
        method, path, _ = head.split(" ", 2)
        status, answer = self.answer(method, path, await reader.readexactly(int(length)))
        data = json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def audio_service(**settings: Any) -> AsyncIterator[AudioService]:
    """The service with these settings and otherwise the defaults, on a free loopback port."""
    service = AudioService(**settings)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield service
