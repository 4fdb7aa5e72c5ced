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
from backends.drafting.records import Damaged, Newer, Record, decode, digest, encode
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
    """A project as it is on disk now; written is false where nothing had changed."""

    project: Project
    written: bool
    notes: tuple[str, ...] = ()


class Store:
    """The library's files. Every method blocks: call it in a thread. Each raises StorageFailed.

    Processes that share the folder take turns, and a save replaces one project in what the others have written since.
    """

    def __init__(self, folder: Path, backups: int = 5, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = folder
        self._now = now
        self._state = folder / STATE_FILE
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
            changed = library.with_project(replace(project, updated_at=self._now()))
            if record is not None and digest(changed) == record.digest:
                return Saved(library.find(project.id) or project, written=False, notes=notes)
            self._write(changed)
        return Saved(changed.find(project.id) or project, written=True, notes=notes)

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

    def _write(self, library: Library) -> None:
        data = encode(library, self._now())
        for half_written in self._folder.glob(f".{STATE_FILE}*"):
            half_written.unlink()
        self._rotate()
        write_atomically(self._state, data)

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
