"""A PostgreSQL of our own."""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from console.demo import folders
from console.demo.accounts import Account, hand_over, postgres_account
from console.demo.postgres_install import PASSWORD_FILE, create_cluster, environment, programs
from console.demo.processes import Supervisor
from console.demo.server import Server, ServerFailed

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "2GB",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: a killed server leaves nothing elsewhere
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer(Server):
    """One loopback port, one Unix socket. `bin_dir` names another installation, `settings` adds to SETTINGS.

    As root the server runs under another account, which need not be able to walk down to `data`.
    """

    _account: Account | None
    _programs: Path
    _sockets: Path | None = None

    def __init__(
        self,
        data: Path,
        *,
        bin_dir: Path | None = None,
        settings: dict[str, str] | None = None,
        supervisor: Supervisor | None = None,
        name: str = "postgres",
    ) -> None:
        super().__init__(data, supervisor, name)
        self._bin_dir = bin_dir
        self._settings = SETTINGS | (settings or {})

    def url(self, database: str = "postgres") -> str:
        """Over TCP, password included."""
        return f"postgresql://postgres:{self._password()}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str = "postgres") -> str:
        """Over the Unix socket, password included."""
        return f"postgresql://postgres:{self._password()}@/{database}?host={self._sockets}&port={self.port}"

    def _password(self) -> str:
        return (self.data / PASSWORD_FILE).read_text().strip()

    async def prepare(self) -> None:
        await asyncio.to_thread(self._prepare)
        self._sockets = self.supervisor.own(folders.fresh_for(self._account, "pg"))

    def _prepare(self) -> None:
        self._account = postgres_account()
        self._programs = programs(self._account, self._bin_dir)
        if not (self.data / "PG_VERSION").exists():
            create_cluster(self.data, self._programs, self._account)
        hand_over(self.data, self._account)
        _forget_dead_postmaster(self.data / "postmaster.pid")

    def launch(self) -> psutil.Popen:
        """Start the postmaster. Another account gets the data folder as an open descriptor."""
        descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        place = self.data.resolve() if self._account is None else f"/proc/self/fd/{descriptor}"
        settings = self._settings | {"port": str(self.port), "unix_socket_directories": str(self._sockets)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            process = self.supervisor.spawn(
                self.name,
                [self._programs / "postgres", "-D", place, *options],
                stop_signal=signal.SIGINT,  # "fast": ends the sessions, then itself
                account=self._account,
                output=log,
                environment=environment(),
                folder=Path("/"),
                descriptors=[descriptor],
            )
        os.close(descriptor)
        return process

    async def answers(self) -> bool:
        """Asked over our own socket; the server refuses to live when it can't have the TCP port as well."""
        import asyncpg

        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(self.socket_url())
            await connection.close()
            return True
        return False

    async def stop(self) -> None:
        await super().stop()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)


def _forget_dead_postmaster(path: Path) -> None:
    """Remove the pid file of a server that was killed, whose number may meanwhile be another program's.

    Raises ServerFailed when the server still runs.
    """
    with suppress(OSError, ValueError, IndexError):
        pid = int(path.read_text().splitlines()[0])
        with suppress(psutil.Error):
            if psutil.Process(pid).name().startswith("postgres"):
                raise ServerFailed(f"another postgres (pid {pid}) uses {path.parent}")
        path.unlink()
