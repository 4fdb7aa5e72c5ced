"""Where drafts are kept: `state.json` with its backups. Newest or the one before is always there, whatever ends it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.drafting.errors import StorageFailed
from backends.drafting.model import Library, Project
from backends.drafting.records import Damaged, Encoded, Encoder, Newer, Record, decode
from backends.safety.files import locked, private_folder, write_atomically
from backends.sampling.reading import utc_now

STATE_FILE: Final = "state.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The library as it was found; notes tell what was damaged, where it was put, and what was recovered from where."""

    library: Library
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """A project as it is on disk now; written is false where nothing had changed. before: as it was, None for a new
    one."""

    project: Project
    written: bool
    notes: tuple[str, ...] = ()
    before: Project | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup: its number (1 is the newest), when it was saved (UTC), and what it holds, or what is wrong with it."""

    number: int
    saved_at: datetime | None = None
    library: Library | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BackupLine:
    """A backup as people and JSON are told of it."""

    number: int
    saved_at: datetime | None
    projects: int | None
    words: int | None
    problem: str

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells."""
        if self.problem or self.saved_at is None:
            return (str(self.number), "no data", "", "", f"damaged: {self.problem}")
        saved = f"{self.saved_at:%Y-%m-%d %H:%M:%S}"
        return (str(self.number), saved, str(self.projects), f"{self.words:,}", "good")


def backup_line(backup: Backup) -> BackupLine:
    """The backup in a line."""
    if backup.library is None:
        return BackupLine(backup.number, None, None, None, backup.problem)
    projects = backup.library.projects
    return BackupLine(backup.number, backup.saved_at, len(projects), sum(each.words for each in projects), "")


Mark = tuple[int, int, int]


class Store:
    """The library's files. Every method blocks: call it in a thread. Each raises StorageFailed.

    Processes that share the folder take turns, and a save replaces one project in what the others have written since.
    """

    def __init__(self, folder: Path, backups: int = 5, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = folder
        self._now = now
        self._state = folder / STATE_FILE
        self._encoder = Encoder()
        self._known: tuple[Mark, Record] | None = None
        self._copies = [folder / f"{STATE_FILE}.bak{number}" for number in range(1, backups + 1)]

    def load(self) -> Loaded:
        """The library from the newest file that parses and validates; damaged ones are kept aside."""
        with self._turn():
            record, notes = self._newest()
        return Loaded(record.library if record else Library(), notes)

    def put(self, project: Project) -> Saved:
        """Saves the project, with the time of its change; writes nothing where the content is the same."""
        with self._turn():
            record, notes = self._newest()
            library = record.library if record else Library()
            before = library.find(project.id)
            changed = library.with_project(replace(project, updated_at=self._now()))
            encoded = self._encoder.encode(changed, self._now())
            if record is not None and encoded.digest == record.digest:
                return Saved(before or project, written=False, notes=notes, before=before)
            self._write(changed, encoded)
        return Saved(changed.find(project.id) or project, written=True, notes=notes, before=before)

    def backups(self) -> list[Backup]:
        """What the backups hold, newest first; those that are not there are left out."""
        with self._turn():
            return [self._look(number, path) for number, path in enumerate(self._copies, 1) if path.exists()]

    def _look(self, number: int, path: Path) -> Backup:
        try:
            record = decode(path.read_bytes())
        except (Damaged, Newer) as error:
            return Backup(number, problem=str(error))
        return Backup(number, record.saved_at, record.library)

    def add(self, coming: Library) -> Library:
        """Saves what of a library can be added, with the times that it has, and gives that back."""
        with self._turn():
            record, _ = self._newest()
            library = record.library if record else Library()
            added = library.admitted(coming)
            if added == Library():
                return added
            grown = Library((*library.projects, *added.projects), added.workspace or library.workspace)
            self._write(grown, self._encoder.encode(grown, self._now()))
        return added

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            with locked(private_folder(self._folder) / "state.lock"):
                yield
        except TimeoutError as error:
            raise StorageFailed("Another console holds the drafts' files.", where=str(self._folder)) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageFailed(
                f"The drafts' files can't be used: {reason}.",
                where=str(error.filename or self._folder),
                hint="Check the state folder's permissions and free space.",
            ) from error

    def _newest(self) -> tuple[Record | None, tuple[str, ...]]:
        """The newest good record, made `state.json` again if it is a backup; and notes."""
        if self._known is not None and self._known[0] == _mark(self._state):
            # Nobody has written since this process did: reading a large library again would keep keys waiting.
            return self._known[1], ()
        notes: list[str] = []
        for path in (self._state, *self._copies):
            try:
                data = path.read_bytes()
                record = decode(data)
            except FileNotFoundError:
                continue
            except Damaged as damage:
                notes.append(f"{path.name} was damaged and is kept as {self._set_aside(path)} ({damage}).")
            except Newer as error:
                raise StorageFailed(
                    f"{path.name} can't be read: {error}.", where=str(path), hint="Use the newer version."
                ) from error
            else:
                return record, self._logged(*notes, *self._restored(path, data, record))
        return None, self._logged(*notes)

    def _logged(self, *notes: str) -> tuple[str, ...]:
        for note in notes:
            _log.warning("%s", note)
        return notes

    def _restored(self, path: Path, data: bytes, record: Record) -> tuple[str, ...]:
        if path == self._state:
            return ()
        write_atomically(self._state, data)
        return (f"The drafts were recovered from {path.name}, saved {record.saved_at:%Y-%m-%d %H:%M:%S} UTC.",)

    def _set_aside(self, path: Path) -> str:
        aside = path.with_name(f"{path.name}.bad-{self._now():%Y%m%dT%H%M%S.%fZ}")
        path.rename(aside)
        return aside.name

    def _write(self, library: Library, encoded: Encoded) -> None:
        if library.flaw:
            # It would be taken for damage when it is read, and push the good backups out until then.
            raise StorageFailed(f"The drafts were not saved: {library.flaw}.", where=str(self._state))
        for half_written in self._folder.glob(f".{STATE_FILE}*"):
            half_written.unlink()
        self._rotate()
        write_atomically(self._state, encoded.data)
        mark = _mark(self._state)
        self._known = (mark, Record(library, encoded.digest, self._now())) if mark else None

    def _rotate(self) -> None:
        """Makes the first backup of `state.json`, which stays in its place all the while."""
        newest = self._copies[0]
        if not self._state.exists() or (newest.exists() and newest.samefile(self._state)):
            return
        gap = next((place for place, copy in enumerate(self._copies) if not copy.exists()), len(self._copies) - 1)
        for place in range(gap, 0, -1):
            self._copies[place - 1].replace(self._copies[place])
        try:
            os.link(self._state, newest)
        except OSError:
            # Some file systems know no hard links.
            write_atomically(newest, self._state.read_bytes())


def _mark(path: Path) -> Mark | None:
    """What tells a file from another, or from itself after a change; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
