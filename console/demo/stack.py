"""The demo stack as a whole: `olorin demo` starts it, waits, and ends it however it is told to end."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.demo import datafolder, envfile, folders, processes, seed_orchestration, seed_semantik, service
from console.demo.databases import Databases, Say, prepare
from console.demo.datafolder import SeedRecord
from console.demo.processes import Supervisor, end_runs, python_environment
from console.demo.seeding import Size
from console.demo.service import Service

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENV_FILE: Final = "demo.env"


@dataclass(frozen=True, slots=True)
class Options:
    """Of the command line; without `data` a fresh folder is used and removed at the end."""

    scale: float
    data: Path | None
    ui: bool
    env_out: Path | None


async def run(options: Options, say: Say) -> int:
    """Run the demo until it is told to end, or the console ends; returns the exit code.

    Raises FolderInUse, ForeignFolder, NotInstalled, ServerFailed and OSError.
    """
    told = asyncio.Event()
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    if options.env_out is not None:
        envfile.forget(options.env_out)
    await asyncio.to_thread(processes.sweep_killed_runs)
    supervisor = Supervisor()
    data = _data_folder(options, supervisor)
    lock = datafolder.Lock(data)
    stack = Stack(data, options, supervisor)
    try:
        return await _until(told, _run(stack, options, say))
    finally:
        await stack.stop()
        lock.release()


async def _until(told: asyncio.Event, work: Coroutine[Any, Any, int]) -> int:
    """The work's exit code, or 0 when we are told to end before."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(told.wait())
    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return 0


def _data_folder(options: Options, supervisor: Supervisor) -> Path:
    if options.data is None:
        return supervisor.own(folders.fresh("data", options.scale))
    options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return options.data.resolve()


def _first(failure: BaseException) -> BaseException:
    return _first(failure.exceptions[0]) if isinstance(failure, BaseExceptionGroup) else failure


async def _run(stack: Stack, options: Options, say: Say) -> int:
    await stack.start(say)
    env_file = stack.write_environment()
    if options.ui:
        return await stack.open_console(env_file)
    say(f"the demo is up: olorin --env-file {env_file} config check; Ctrl-C or kill {os.getpid()} ends it")
    await asyncio.get_running_loop().create_future()
    return 0


class Stack:
    """The servers, the seeded data, the life on it."""

    def __init__(self, data: Path, options: Options, supervisor: Supervisor) -> None:
        self.data = data
        self.api_key = f"sk-demo-{secrets.token_hex(16)}"
        self._options = options
        self._supervisor = supervisor
        self._databases = Databases(data, supervisor, kept=options.data is not None)
        self._record: SeedRecord | None = None
        self._services: dict[str, Service] = {}

    async def start(self, say: Say) -> None:
        """Return once everything answers. Raises the first failure of those that start side by side."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    self._serve("endpoint", {"OLORIN_DEMO_API_KEY": self.api_key}, "/whisper/health", say)
                )
                group.create_task(self._databases_with_life(say))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _databases_with_life(self, say: Say) -> None:
        record = await prepare(self.data, Size(self._options.scale), self._supervisor, say)
        await self._databases.start(say)
        variables = self._life_variables()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve("clients", variables, "/metrics", say))
            self._record = await self._databases.shift(self.data, record)
            group.create_task(
                self._serve(
                    "orchestration",
                    variables | {"OLORIN_DEMO_AUDIO": str(self.data / "audio")},
                    service.ORCHESTRATION_HEALTH,
                    say,
                )
            )

    def _life_variables(self) -> dict[str, str]:
        postgres = self._databases.postgres
        return {
            "OLORIN_DEMO_MONGO_URL": self._databases.mongo.url,
            "OLORIN_DEMO_ORCHESTRATION_URL": postgres.url(seed_orchestration.DATABASE),
            "OLORIN_DEMO_SEMANTIK_URL": postgres.url(seed_semantik.DATABASE),
            "OLORIN_DEMO_SCALE": str(self._options.scale),
        }

    async def _serve(self, name: str, variables: Mapping[str, str], health: str, say: Say) -> None:
        started = Service(name, name, self.data, self._supervisor, variables, health)
        await started.start()
        self._services[name] = started
        say(f"{name} answers")

    def write_environment(self) -> Path:
        """Write the env file into the data folder, and where it was asked for; returns where people find it."""
        (self.data / "state").mkdir(exist_ok=True, mode=0o700)
        faults = (*envfile.FAULTS, *(self._record.faults if self._record else ()))
        paths = [self.data / ENV_FILE]
        if self._options.env_out is not None:
            paths.append(self._options.env_out.absolute())
        for path in paths:
            envfile.write(path, self.variables(), faults, self.pids())
        return paths[-1]

    def variables(self) -> dict[str, str]:
        """Every variable that the console needs."""
        mongo, postgres = self._databases.mongo.url, self._databases.postgres
        http, metrics = self._services["endpoint"].url, self._services["clients"].url
        return {
            **envfile.CONSTANT,
            "MONGODB_URI": mongo,
            "MONGODB_URL": mongo,
            "OLORIN_MONGODB_URL": mongo,
            "ORCHESTRATION_DATABASE_URL": postgres.url(seed_orchestration.DATABASE),
            "CHUNKS_DATABASE_URL": postgres.url(seed_semantik.DATABASE),
            "OPENAI_API_KEY": self.api_key,
            "OPENAI_BASE_URL": f"{http}/v1",
            "PINECONE_CONTROLLER_HOST": http,
            "OPENAI_MODEL": service.MODEL,
            **{f"{name.upper()}_URL": f"{http}/{name}" for name in service.HEALTH},
            "ORCHESTRATION_URL": self._services["orchestration"].url,
            "METRICS_URLS": f"{metrics}/metrics",
            "OLORIN_CONSOLE_STATE": str(self.data / "state"),
        }

    def pids(self) -> dict[str, int]:
        """The processes that somebody may want to freeze."""
        found = {"demo": os.getpid(), "mongo": self._databases.mongo.pid, "postgres": self._databases.postgres.pid}
        return found | {name: started.pid for name, started in self._services.items()}

    async def stop(self) -> None:
        """End the console first, while it can still give the terminal back, then the runs that it started as processes
        of their own, then everything else, then the folder.

        Threads that still work for a cancelled start end once their servers are gone; before that nothing is removed.
        """
        await asyncio.to_thread(self._supervisor.stop, "console")
        await asyncio.to_thread(end_runs, [self.data / ENV_FILE, self._options.env_out])
        await asyncio.to_thread(self._supervisor.stop, *self._supervisor.names())
        await asyncio.get_running_loop().shutdown_default_executor()
        self._supervisor.stop()

    async def open_console(self, env_file: Path) -> int:
        """Run the console on our terminal; returns its exit code."""
        console = self._supervisor.spawn(
            "console",
            [sys.executable, "-m", "console", "--env-file", env_file],
            environment=python_environment(envfile.console_environment(self.variables())),
            foreground=True,
        )
        code: int = await asyncio.to_thread(console.wait)
        return code if code >= 0 else 128 - code  # ended by a signal: as shells say it
