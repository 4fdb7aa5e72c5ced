"""What the config screen and `olorin config` ask: the configuration as it is now, and what the servers say to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from backends.safety.secrets import is_secret_name, mask

if TYPE_CHECKING:
    from backends.config.changes import Subscribers, Told
    from backends.config.env_file import EnvFile
    from backends.config.model import ConfigSnapshot, Difference, Finding
    from backends.config.reality import Servers
    from backends.config.sources import Raw, Sources
    from backends.config.values import Values
    from backends.sampling.state import Summary

DEFAULT_FILE: Final = Path(".env")

OwnProblems = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Says what is wrong with the console's own variables: name → reason."""

_Mark = tuple[int, int, int, int] | None
_Answered: TypeAlias = "tuple[ConfigSnapshot, tuple[Finding, ...], ConfigSnapshot]"
"""A snapshot, answers, and the one with the other in it: what it was made of tells whether it is still right."""


class ConfigService:
    """The configuration of one profile.

    env_file: the dotenv file that was named, None for `.env` of this folder where it is there. process: the process's
    variables. servers: makes the clients of what can be asked. started: the variables that they are made from.
    The settings classes are imported when they are first needed, off the event loop.
    """

    def __init__(
        self,
        env_file: Path | None,
        process: Mapping[str, str],
        own_problems: OwnProblems,
        servers: Callable[[], Servers] | None = None,
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
        self._answers: tuple[Finding, ...] = ()
        self._answered: _Answered | None = None
        self._subscribers: Subscribers | None = None

    async def snapshot(self) -> ConfigSnapshot:
        """The configuration with the servers' last answers; the same object until the file or an answer changes.

        A file that can't be read is a finding.
        """
        return await asyncio.to_thread(self._with_answers)

    async def answers(self, deadline_s: float | None = None) -> tuple[Finding, ...]:
        """What the servers that are configured say, each within deadline_s seconds. Raises nothing of theirs."""
        if self._make_servers is None:
            return ()
        values = await asyncio.to_thread(self.values)
        from backends.config.reality import DEADLINE_S, ask

        if self._servers is None:
            self._servers = self._make_servers()
        found = await ask(self._servers, values, deadline_s or DEADLINE_S)
        if found != self._answers:
            self._answers = found
        return found

    async def summary(self) -> Summary:
        """The configuration in one line; asks no server, but knows what one last answered."""
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
            before, self._snapshot = self._snapshot, take_snapshot(sources, problems, self._started)
            self._mark = mark
            self._tell(before, self._snapshot)
        return self._snapshot

    def _with_answers(self) -> ConfigSnapshot:
        from backends.config.health import with_findings

        snapshot, answers, answered = self.snapshot_now(), self._answers, self._answered
        if not answers:
            return snapshot
        if answered is None or answered[0] is not snapshot or answered[1] is not answers:
            answered = (snapshot, answers, with_findings(snapshot, answers))
            self._answered = answered
        return answered[2]

    def _tell(self, before: ConfigSnapshot | None, after: ConfigSnapshot) -> None:
        from backends.config.changes import changes

        if before is not None and self._subscribers is not None:
            self._subscribers.tell(changes(before, after))

    def value(self, key: str) -> Any:
        """A setting's value by its path or its variable; the default where what is set can't be used.

        Not masked: never show it. Raises NotThere for a key that names no setting.
        """
        from backends.config.changes import spec_of

        return self.values()[spec_of(key).id]

    def on_change(self, prefix: str, told: Told) -> Callable[[], None]:
        """Calls `told` with each change of a setting below the prefix; returns what ends that.

        Changes are seen when the configuration is read, in the thread that reads it.
        """
        from backends.config.changes import Subscribers

        self._subscribers = self._subscribers or Subscribers()
        return self._subscribers.add(prefix, told)

    def sources(self) -> Sources:
        """What is set now, and where. From here on the process's masker knows its secrets."""
        from backends.config.sources import Sources

        sources = Sources(self._process, self._read(self.file))
        _learn(sources.all())
        return sources

    def differences(self, other: Path) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
        """What another dotenv file (or a process's `/proc/…/environ`) sets differently, and what is odd about files.

        Raises NotThere where one of them can't be read.
        """
        from backends.config.drift import differences
        from backends.config.env_file import read_env_file
        from backends.config.sources import Sources

        here, there = self.sources(), read_env_file(other, self._process)
        _learn(Sources({}, there).all())
        files = [file for file in (here.file, there) if file is not None]
        odd = tuple(file.told(oddity) for file in files for oddity in file.oddities if oddity.grade != "ok")
        return differences(here, there), odd

    def values(self) -> Values:
        """Every setting's value as it is set now, not masked: never show one. Blocks."""
        from backends.config.values import read_values

        return read_values(self.sources())

    @property
    def file(self) -> Path | None:
        """The dotenv file; None where there is none."""
        if self._named is not None:
            return self._named
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None

    def _read(self, file: Path | None) -> EnvFile | None:
        from backends.config.env_file import read_env_file

        return read_env_file(file, self._process) if file is not None else None

    def _file_mark(self) -> _Mark:
        """What changes whenever the file does."""
        file = self.file
        if file is None:
            return None
        try:
            state = file.stat()
        except OSError as error:
            return (error.errno or -1, 0, 0, 0)
        return (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode)


def _learn(found: Iterable[Raw]) -> None:
    """Tells the process's masker every secret among the values, those that are shadowed included."""
    values = list(found)
    mask.learn(raw.value for raw in values if is_secret_name(raw.name))
    mask.learn_environment({str(place): raw.value for place, raw in enumerate(values)})
