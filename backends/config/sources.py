"""Where each value comes from: the process's variables, the dotenv file's lines, the default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from backends.config.catalogue import Spec
from backends.config.env_file import EnvFile

PROCESS = "environment"
DEFAULT = "default"
NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Raw:
    """A variable as it is set somewhere. The value is not masked: never show one."""

    name: str
    value: str
    source: str
    line: int = 0

    @property
    def where(self) -> str:
        """The source, with the line where there is one."""
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Sources:
    """The places that are looked at, the winning one first: the process's variables, then the file."""

    process: Mapping[str, str]
    file: EnvFile | None = None

    def merged(self) -> dict[str, str]:
        """Name → value as the console's clients get it."""
        return {**(self.file.values() if self.file else {}), **self.process}

    def all(self) -> Iterator[Raw]:
        """Everything that is set, the winner of each name first."""
        for name, value in self.process.items():
            yield Raw(name, value, PROCESS)
        if self.file is not None:
            given = self.file.values()
            for entry in reversed(self.file.entries):
                if entry.value is not None and entry.name in given:
                    yield Raw(entry.name, entry.value, self.file.shown_path, entry.line)

    def by_name(self) -> dict[str, list[Raw]]:
        """Name in upper case → what sets it, the winner first."""
        found: dict[str, list[Raw]] = {}
        for raw in self.all():
            found.setdefault(raw.name.upper(), []).append(raw)
        return found


def candidates(spec: Spec, by_name: Mapping[str, list[Raw]]) -> tuple[Raw, ...]:
    """What could set the setting, the winner first; the newer name wins over an older one wherever both stand.

    An empty variable of the process hides the file's line, to whoever reads the variables and here alike. A field that
    code may set by its own name is taken from a variable of that name too.
    """
    found: list[Raw] = []
    for name in dict.fromkeys((spec.name, *spec.older_names, *([spec.field] if spec.by_field else []))):
        same = [raw for raw in by_name.get(name.upper(), []) if raw.name == name or spec.any_case]
        found += sorted(same, key=lambda raw: (raw.source != PROCESS, raw.name != name))
    return tuple(found)
