"""What goes over the wire to a Mongo, command by command: read from the bytes, whoever the client is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import bson

OP_MSG: Final = 2013
OP_QUERY: Final = 2004
READING: Final = frozenset(
    {
        "aggregate", "buildInfo", "buildinfo", "collStats", "connPoolStats", "connectionStatus", "count", "currentOp",
        "dbHash", "dbStats", "dbstats", "distinct", "endSessions", "explain", "find", "getCmdLineOpts", "getMore",
        "getParameter", "hello", "hostInfo", "isMaster", "ismaster", "killCursors", "listCollections",
        "listDatabases", "listIndexes", "ping", "replSetGetStatus", "serverStatus", "top",
    }
)  # fmt: skip
"""Commands that change no data."""


@dataclass
class Tap:
    """The commands that clients sent, in their order."""

    port: int = 0
    commands: list[dict[str, Any]] = field(default_factory=list)

    def names(self) -> list[str]:
        """The commands' names."""
        return [next(iter(command)) for command in self.commands]

    def writes(self) -> list[dict[str, Any]]:
        """Those that may change something."""
        return [command for command in self.commands if may_write(command)]


def may_write(command: dict[str, Any]) -> bool:
    """Whether a command may change data; a pipeline that writes does."""
    stages = {stage for each in command.get("pipeline", ()) for stage in each}
    return next(iter(command)) not in READING or bool({"$out", "$merge"} & stages)


@asynccontextmanager
async def tap_on(host: str, port: int) -> AsyncIterator[Tap]:
    """A loopback port in front of the server that notes what passes."""
    tap = Tap()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            from_server, to_server = await asyncio.open_connection(host, port)
            try:
                await asyncio.gather(_listen(tap, reader, to_server), _forward(from_server, writer))
            finally:
                to_server.close()
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))


async def _listen(tap: Tap, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readexactly(16)
            body = await reader.readexactly(int.from_bytes(head[:4], "little") - 16)
            tap.commands.append(_command(int.from_bytes(head[12:16], "little"), body))
            writer.write(head + body)
            await writer.drain()
    finally:
        writer.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1 << 16):
        writer.write(chunk)
        await writer.drain()
    writer.close()


def _command(opcode: int, body: bytes) -> dict[str, Any]:
    """The command of a message; one that can't be read counts as a write, so that it is not overlooked."""
    if opcode == OP_QUERY:
        return _decoded(body[body.index(b"\0", 4) + 9 :])
    return _decoded(body[5:]) if opcode == OP_MSG and body[4] == 0 else {f"opcode {opcode}": 1}


def _decoded(data: bytes) -> dict[str, Any]:
    size = int.from_bytes(data[:4], "little")
    options = bson.CodecOptions[dict[str, Any]](datetime_conversion=bson.DatetimeConversion.DATETIME_AUTO)
    return bson.decode(data[:size], codec_options=options)
