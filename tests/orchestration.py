"""The demo's orchestration service by itself, on a database of the test's own, and services that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from console.demo import seed_orchestration
from console.demo.bots_seed import bots
from console.demo.processes import Supervisor
from console.demo.seeding import Size, start_of_run
from console.demo.service import ORCHESTRATION_HEALTH, Service

SCALE = 0.1


@asynccontextmanager
async def orchestration_service(database: str, folder: Path, **variables: str) -> AsyncIterator[str]:
    """The base URL of the service on the freshly seeded database."""
    size = Size(SCALE)
    await seed_orchestration.write(database, bots(size, start_of_run()).rows)
    supervisor = Supervisor()
    given = {"OLORIN_DEMO_ORCHESTRATION_URL": database, "OLORIN_DEMO_SCALE": str(SCALE), **variables}
    service = Service("orchestration", "orchestration", folder, supervisor, given, ORCHESTRATION_HEALTH)
    try:
        await service.start()
        yield service.url
    finally:
        await asyncio.to_thread(supervisor.stop)


@dataclass(slots=True)
class Canned:
    """A service that gives one answer to everything."""

    status: str = "200 OK"
    body: str = "{}"
    silent: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.serve(reader, writer))
        self.serving.add(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer(reader, writer)
        finally:
            writer.transport.abort()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode().split(" ")
        length = 0
        while header := (await reader.readline()).strip():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        await reader.readexactly(length)
        self.asked.append(" ".join(line[:2]))
        if self.silent:
            await reader.read()
        body = self.body.encode()
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.write_eof()
        await reader.read()


@asynccontextmanager
async def canned(status: str = "200 OK", body: str = "{}", *, silent: bool = False) -> AsyncIterator[Canned]:
    """A service of one answer."""
    service = Canned(status, body, silent)
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for task in service.serving:
            task.cancel()
        await asyncio.gather(*service.serving, return_exceptions=True)
