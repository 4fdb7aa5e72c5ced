"""What the embedded servers share: a data folder, a loopback port, a process, a beginning and an end."""

import asyncio
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from console.demo.processes import Supervisor

START_TIMEOUT = 60.0
"""Seconds until a server that does not answer counts as failed."""
POLL = 0.02
"""Seconds between two looks at a starting server."""
ATTEMPTS = 3
"""Ports tried: another program may take a free port before the server does."""


class ServerFailed(RuntimeError):
    """A server of the demo did not start, or ended."""


def free_port() -> int:
    """A loopback TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(ABC):
    """`data` is made on first use and kept. Without a supervisor the server gets one of its own.

    Start it from the main thread (see `Supervisor`).
    """

    port = 0

    def __init__(self, data: Path, supervisor: Supervisor | None, name: str) -> None:
        self.data = data
        self.name = name
        self.supervisor = supervisor or Supervisor()
        self._alone = supervisor is None
        self._process: psutil.Popen | None = None

    async def start(self) -> None:
        """Return once the server answers. Raises ServerFailed with the end of its log."""
        self.data.parent.mkdir(parents=True, exist_ok=True)
        await self.prepare()
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._process = self.launch()
            try:
                async with asyncio.timeout(START_TIMEOUT):
                    while self._process.poll() is None:
                        if await self.answers():
                            return
                        await asyncio.sleep(POLL)
            except TimeoutError:
                raise ServerFailed(
                    f"{self.name} did not answer within {START_TIMEOUT:g} s: {self.log_tail()}"
                ) from None
        raise ServerFailed(f"{self.name} ended at its start: {self.log_tail()}")

    async def stop(self) -> None:
        """End the server within about 3 seconds; the data folder stays."""
        names = () if self._alone else (self.name,)
        await asyncio.to_thread(self.supervisor.stop, *names)

    @abstractmethod
    async def prepare(self) -> None:
        """Make the data folder ready."""

    @abstractmethod
    def launch(self) -> psutil.Popen:
        """Start the process on `port`."""

    @abstractmethod
    async def answers(self) -> bool:
        """Whether this very process, and no other that took the port, answers a request."""

    @property
    def process(self) -> psutil.Popen:
        """Raises RuntimeError before the start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> Path:
        """What the server prints, beside its data folder."""
        return self.data.with_name(f"{self.data.name}.log")

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
