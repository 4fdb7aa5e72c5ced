"""A server over a real socket that gives one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.config.sync import PATH


@asynccontextmanager
async def serving(status: int, body: str, path: str = PATH) -> AsyncIterator[str]:
    """A server that gives this answer to the path, the one of the service's settings, and 404 to any other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = request.split()[1].decode() == path
        data = body.encode() if found else b"{}"
        writer.write(f"HTTP/1.1 {status if found else 404} x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
