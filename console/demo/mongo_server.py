"""A Mongo of our own: SecantusDB, the real wire protocol over WiredTiger."""

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from console.demo.processes import Supervisor, python_environment
from console.demo.server import Server


class MongoServer(Server):
    """`flags` go to `secantusd-py` as they are, such as `--auth`, `--enable-test-commands` or `--standalone`.
    With `durable=False` the server is killed at the end, which is two seconds faster.
    """

    def __init__(
        self,
        data: Path,
        *,
        flags: Sequence[str] = (),
        cache: str = "256M",
        durable: bool = True,
        supervisor: Supervisor | None = None,
        name: str = "mongo",
    ) -> None:
        super().__init__(data, supervisor, name)
        self._flags = flags
        self._cache = cache
        self._stop_signal = signal.SIGTERM if durable else signal.SIGKILL

    @property
    def url(self) -> str:
        """Without a database and without credentials."""
        return f"mongodb://127.0.0.1:{self.port}/"

    @property
    def _configuration(self) -> Path:
        return self.data.with_name(f"{self.data.name}.toml")

    async def prepare(self) -> None:
        """Make the folder, and an empty configuration lest a `secantusd.toml` lying about is read."""
        self.data.mkdir(exist_ok=True)
        self._configuration.touch()

    def launch(self) -> psutil.Popen:
        options = {
            "--config": self._configuration,
            "--host": "127.0.0.1",
            "--port": self.port,
            "--storage-path": self.data,
            "--cache-size": self._cache,
            "--log-level": "WARNING",
        }
        arguments = [str(part) for option in options.items() for part in option]
        with self.log.open("ab") as log:
            return self.supervisor.spawn(
                self.name,
                [sys.executable, "-P", "-m", "secantus", *arguments, *self._flags],
                stop_signal=self._stop_signal,
                output=log,
                environment=python_environment(),
            )

    async def answers(self) -> bool:
        from pymongo import AsyncMongoClient

        if not self._listens():
            return False
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(self.url, directConnection=True)
        async with client:
            await client.admin.command("hello")
        return True

    def _listens(self) -> bool:
        with suppress(psutil.Error):
            return any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
                for connection in self.process.net_connections("tcp4")
            )
        return False
