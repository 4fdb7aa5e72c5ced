"""The run file: which processes and folders one run of the demo owns, so that others can sweep after it."""

import json
import os
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

CLOCK_SLACK = 1.0
"""Seconds by which two readings of one process's start may differ."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, told from a later one with the same pid by its start time (seconds since the epoch)."""

    name: str
    pid: int
    created: float
    stop_signal: signal.Signals = signal.SIGTERM

    @classmethod
    def of(cls, name: str, process: psutil.Process | psutil.Popen, stop_signal: signal.Signals) -> Self:
        return cls(name, process.pid, process.create_time(), stop_signal)

    def process(self) -> psutil.Process | None:
        """The live process, or None when it ended or its pid now belongs to another."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_SLACK
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


class RunFile:
    """Rewritten whole and atomically at every change."""

    def __init__(self, path: Path, owner: Identity, children: list[Identity], folders: list[Path]) -> None:
        self.path = path
        self.owner = owner
        self.children = children
        self.folders = folders

    @classmethod
    def create(cls, runs: Path) -> Self:
        """A run file of this process; it appears on disk with the first child or folder."""
        owner = Identity.of("demo", psutil.Process(), signal.SIGTERM)
        return cls(runs / f"{owner.pid}-{os.urandom(4).hex()}.json", owner, [], [])

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """None when there is no such file, or nothing that can be understood."""
        try:
            found = json.loads(path.read_text())
            children = [_identity(child) for child in found["children"]]
            return cls(path, _identity(found["owner"]), children, [Path(folder) for folder in found["folders"]])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def add_child(self, child: Identity) -> None:
        self.children.append(child)
        self._write()

    def add_folder(self, folder: Path) -> None:
        self.folders.append(folder)
        self._write()

    def forget(self, ended: Iterable[Identity]) -> None:
        gone = set(ended)
        self.children = [child for child in self.children if child not in gone]
        self._write()

    def _write(self) -> None:
        found = {
            "owner": asdict(self.owner),
            "children": [asdict(child) for child in self.children],
            "folders": [str(folder) for folder in self.folders],
        }
        unfinished = self.path.with_suffix(".new")
        unfinished.write_text(json.dumps(found))
        unfinished.replace(self.path)


def _identity(found: dict[str, object]) -> Identity:
    return Identity(
        str(found["name"]),
        int(str(found["pid"])),
        float(str(found["created"])),
        signal.Signals(int(str(found["stop_signal"]))),
    )


def listed(runs: Path) -> list[Path]:
    """The run files of every run of this user, alive or not."""
    return sorted(runs.glob("*.json"))
