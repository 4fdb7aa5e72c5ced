"""A Python module of the demo as a process of its own that answers HTTP on a loopback port."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from console.demo.processes import Supervisor, python_environment
from console.demo.server import Server

MODEL: Final = "olorin-demo"
"""The name of the endpoint's model."""
VECTOR_KEY: Final = "pcsk_demo_2b7e151628aed2a6"
"""The key of the endpoint's vector index."""
ORCHESTRATION_HEALTH: Final = "/api/system/health"
HEALTH: Final = {"whisper": "/health", "translation": "/api/health"}
"""Service → path of its health below the URL that its variable names (`/<service>` on the endpoint)."""


class Service(Server):
    """Runs `python -m console.demo.<module>` with `variables` and PORT in its environment; GET `health` answers 200."""

    def __init__(
        self, name: str, module: str, data: Path, supervisor: Supervisor, variables: Mapping[str, str], health: str
    ) -> None:
        super().__init__(data / name, supervisor, name)
        self._module = module
        self._variables = variables
        self._health = health

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def prepare(self) -> None:
        """Nothing is kept."""

    def launch(self) -> psutil.Popen:
        with self.log.open("ab") as log:
            return self.supervisor.spawn(
                self.name,
                [sys.executable, "-m", f"console.demo.{self._module}"],
                stop_signal=signal.SIGKILL,  # it keeps nothing, and must not wait for a server that ended first
                output=log,
                environment={**python_environment(), **self._variables, "PORT": str(self.port)},
            )

    async def answers(self) -> bool:
        """A child that can't have the port ends, so a listener that is not ours is never asked for long."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(2):
                return await self._status() == b"200" and self.process.poll() is None
        return False

    async def _status(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"GET {self._health} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return (await reader.readline())[9:12]
        finally:
            writer.close()
