"""What the config screen and `olorin config` ask: the configuration as it is now, and what the servers say to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.safety.secrets import mask

if TYPE_CHECKING:
    from backends.config.env_file import EnvFile
    from backends.config.model import ConfigSnapshot, Difference, Finding
    from backends.config.reality import Servers
    from backends.config.sources import Sources
    from backends.config.values import Values
    from backends.sampling.state import Summary

DEFAULT_FILE: Final = Path(".env")

OwnProblems = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Says what is wrong with the console's own variables: name → reason."""

_Mark = tuple[int, int, int, int] | None


class ConfigService:
    """The configuration of one profile.

    env_file: the dotenv file that was named, None for `.env` of this folder where it is there. process: the process's
    variables. started: the variables that the console's clients were made from; None where there are none yet.
    The settings classes are imported when they are first needed, off the event loop.
    """

    def __init__(
        self,
        env_file: Path | None,
        process: Mapping[str, str],
        own_problems: OwnProblems,
        servers: Callable[[], Servers],
        started: Mapping[str, str] | None = None,
    ) -> None:
        self._named = env_file
        self._process = dict(process)
        self._own_problems = own_problems
        self._make_servers = servers
        self._servers: Servers | None = None
        self._started = started
        self._mark: _Mark = None
        self._snapshot: ConfigSnapshot | None = None

    async def snapshot(self) -> ConfigSnapshot:
        """The configuration; read anew only where the file changed. A file that can't be read is a finding."""
        return await asyncio.to_thread(self.snapshot_now)

    async def answers(self, deadline_s: float | None = None) -> tuple[Finding, ...]:
        """What the servers that are configured say, each within deadline_s seconds. Raises nothing of theirs."""
        values = await asyncio.to_thread(self._values)
        from backends.config.reality import DEADLINE_S, ask

        if self._servers is None:
            self._servers = self._make_servers()
        return await ask(self._servers, values, deadline_s or DEADLINE_S)

    async def summary(self) -> Summary:
        """The configuration in one line, without asking a server."""
        snapshot = await self.snapshot()
        from backends.config.rules import summary

        return summary(snapshot)

    def snapshot_now(self) -> ConfigSnapshot:
        """As `snapshot`, for a command that has no event loop."""
        from backends.config.health import take_snapshot

        mark = self._file_mark()
        if self._snapshot is None or mark != self._mark:
            sources = self.sources()
            problems = self._own_problems(sources.merged())
            self._snapshot, self._mark = take_snapshot(sources, problems, self._started), mark
        return self._snapshot

    def sources(self) -> Sources:
        """What is set now, and where. From here on the process's masker knows its secrets."""
        from backends.config.sources import Sources

        sources = Sources(self._process, self._read_file(self._file()))
        for raw in sources.all():
            mask.learn_environment({raw.name: raw.value})
        return sources

    def differences(self, other: Path) -> tuple[Difference, ...]:
        """What another dotenv file (or a process's `/proc/…/environ`) sets differently. Raises NotThere."""
        from backends.config.drift import differences

        there = self._read_file(other)
        assert there is not None
        for entry in there.entries:
            mask.learn_environment({entry.name: entry.value or ""})
        return differences(self.sources(), there)

    def _values(self) -> Values:
        from backends.config.values import read_values

        return read_values(self.sources())

    def _file(self) -> Path | None:
        if self._named is not None:
            return self._named
        return DEFAULT_FILE if DEFAULT_FILE.exists() else None

    def _read_file(self, file: Path | None) -> EnvFile | None:
        from backends.config.env_file import read_env_file

        return read_env_file(file, self._process) if file is not None else None

    def _file_mark(self) -> _Mark:
        """What changes whenever the file does."""
        file = self._file()
        if file is None:
            return None
        try:
            state = file.stat()
        except OSError as error:
            return (error.errno or -1, 0, 0, 0)
        return (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode)
