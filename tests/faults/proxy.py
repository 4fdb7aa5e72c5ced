"""A TCP proxy that fails as networks do: it can cut, delay, swallow and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 64 * 1024


@dataclass
class Proxy:
    """Forwards loopback connections to a server.

    delay_s is added to each chunk in each direction that has `delayed` in it; while `swallow` is set nothing is
    forwarded (a black hole); while `refuse` is set new connections are closed at once. target is the server, which may
    move; `last_words` are bytes after whose passing to the server the client's connection is reset, as often as `cuts`
    says.
    """

    port: int = 0
    delay_s: float = 0.0
    delayed: bytes = b""
    refuse: bool = False
    target: tuple[str, int] = ("127.0.0.1", 0)
    last_words: bytes = b""
    cuts: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def swallow(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._open.clear()

    def restore(self) -> None:
        """Everything passes again."""
        self.refuse = False
        self.delay_s = 0.0
        self._open.set()

    def cut(self) -> None:
        """Resets every connection and refuses new ones."""
        self.refuse = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection."""
        if self.refuse:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        pumps = (self._pump(reader, server_writer, client=writer), self._pump(server_reader, writer))
        try:
            await asyncio.gather(*pumps)
        finally:
            self._writers -= {writer, server_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter | None = None
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                await self._open.wait()
                if self.delay_s and self.delayed in chunk:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()
                if client is not None and self.cuts and self.last_words in chunk:
                    self.cuts -= 1
                    client.transport.abort()
        writer.close()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free loopback port, forwarding to the server."""
    proxy = Proxy(target=(host, port))
    proxy.restore()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))
