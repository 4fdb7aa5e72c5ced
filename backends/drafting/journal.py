"""Every chunk of an answer on disk as it arrives, so that no end of the process loses what was already said.

A journal is JSON lines: a head, one {"text"} a chunk, and an {"end"} unless the process died first.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from backends.drafting.model import Action
from backends.safety.files import private_folder, try_lock
from backends.safety.text import display_text, prose

KEPT_JOURNALS: Final = 50

LAST_LINE: Final = 200
"""Bytes at a journal's end in which its last line stands, if that is its end."""

_log = logging.getLogger(__name__)


class Journal:
    """The journal of one answer, being written and locked for as long. Raises OSError where it can't be opened.

    A chunk is handed to the operating system at once: it outlasts the process, though not a power cut. A disk that
    fills up meanwhile ends the journal, not the answer.
    """

    def __init__(self, folder: Path, project_id: UUID, head: dict[str, object], now: datetime) -> None:
        private_folder(folder)
        _drop_old(folder)
        self.path = folder / f"{project_id}.{now:%Y%m%dT%H%M%S.%fZ}.jsonl"
        self._handle = try_lock(self.path)
        self._line({"at": now.isoformat(), **head})

    def chunk(self, text: str) -> None:
        """Appends a chunk."""
        self._line({"text": text})

    def end(self, how: str) -> None:
        """Says how the answer ended; a second time is nothing."""
        self._line({"end": how})
        self._close()

    def _line(self, value: dict[str, object]) -> None:
        if self._handle is None:
            return
        try:
            os.write(self._handle, json.dumps(value).encode("ascii") + b"\n")
        except OSError as error:
            _log.warning("the journal of an answer can't be written: %s", error)
            self._close()

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """An answer whose process died before it ended: its text so far, since when (UTC), its journal, and its action."""

    text: str
    at: datetime
    path: Path
    action: str = ""

    @property
    def known_action(self) -> Action:
        """The action; of a word that nobody knows, the one that adds to a draft."""
        return next((each for each in Action if each.value == self.action), Action.WRITE)


def interrupted(folder: Path, project_id: UUID) -> Iterator[Interrupted]:
    """The project's answers that have text, whose journal has no end, and that nobody is writing; newest first."""
    for path in sorted(folder.glob(f"{project_id}.*.jsonl"), reverse=True):
        if not _ended(path) and (answer := _unended(path)) is not None:
            yield answer


def close_interrupted(answer: Interrupted) -> None:
    """Marks the answer as taken care of, so that it is not offered again. Raises OSError."""
    with answer.path.open("ab") as file:
        # A line that was cut in its middle stays a line of its own.
        file.write(b'\n{"end": "recovered"}\n')


def _ended(path: Path) -> bool:
    """Whether the journal's last line is its end; one that can't be read has none."""
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - LAST_LINE, 0))
            return "end" in _record(file.read().rstrip().rpartition(b"\n")[2])
    except OSError:
        return False


def _unended(path: Path) -> Interrupted | None:
    try:
        handle = try_lock(path)
        if handle is None:
            return None
        os.close(handle)
        lines = path.read_bytes().splitlines()
        head = json.loads(lines[0])
        at = datetime.fromisoformat(head["at"]).astimezone(UTC)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    text = prose("".join(str(_record(line).get("text", "")) for line in lines[1:]))
    return Interrupted(text, at, path, display_text(head.get("action") or "")) if text.strip() else None


def _record(line: bytes) -> dict[str, object]:
    """The line's record; empty for one that the end of the process cut."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _drop_old(folder: Path) -> None:
    """Makes room for one more; what has no end may hold words that are nowhere else."""
    for old in sorted(folder.glob("*.jsonl"), key=lambda path: path.name.partition(".")[2])[: -KEPT_JOURNALS + 1]:
        if _ended(old):
            old.unlink(missing_ok=True)
