"""The audit trail: who changed what, in one chained log for all processes of this user, in the state folder.

The intent is on disk before anything is changed; where it can't be written, nothing may be.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from backends.clients.errors import AuditFailed
from backends.safety.author import Author
from backends.safety.chain import Chain, Head, read_chain, sealed, unconfirmed
from backends.safety.files import locked, private_folder, sync_folder, write_atomically
from backends.safety.safe_json import safe_json
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.safety.gate import Act, Token

LOCK_DEADLINE_S: Final = 5.0
"""Seconds to wait for another process that writes an entry; each takes milliseconds."""

_NO_ACTION: Final = "Nothing was changed: no audit, no action. Free space, or correct the rights of the state folder."

Entry = Mapping[str, Any]
"""One line of the log: n, log, id (shared by intent and outcome), step, at, the author, the act, prev and hash."""


class AuditMirror(Protocol):
    """A second place for the entries, beside what they changed."""

    async def write(self, token: Token, entry: Entry) -> None:
        """Keeps the entry there; the same entry a second time changes nothing. Raises BackendError."""

    async def of(self, log: str) -> Sequence[Entry]:
        """The entries of this log that are kept there. Raises BackendError."""


UNKNOWN: Final = "unknown outcome"
"""Nothing says how the act ended: the process ended before, its machine is another one, or no answer came."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an act ended. word: "done", "failed", "refused", "cancelled" or UNKNOWN; counts: what was changed."""

    word: str
    why: str = ""
    counts: Mapping[str, object] | None = None


class AuditTrail:
    """The log in `state/audit`. Its methods block (lock, write, fsync): call them in a thread."""

    def __init__(self, state: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self._folder = state / "audit"
        self._clock = clock

    @property
    def log(self) -> str:
        """What its entries are known by elsewhere: the same for whatever log is at this place of this machine."""
        place = f"{socket.gethostname()}\0{_machine()}\0{self._folder.absolute()}"
        return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def path(self) -> Path:
        """The log's file."""
        return self._folder / "audit.jsonl"

    def intent(self, act: Act, author: Author, consent: Mapping[str, object]) -> Entry:
        """Records what is about to be changed. Raises AuditFailed: then nothing may be changed."""
        described = {"action": act.name, "target": act.target, "plan": act.plan, "run_id": act.run_id}
        body = {"details": act.details, "consent": consent}
        return self._append({"id": secrets.token_hex(8), "step": "intent", **asdict(author), **described, **body})

    def outcome(self, intent: Entry, outcome: Outcome) -> Entry:
        """Records how it ended. Raises AuditFailed."""
        kept = {key: intent[key] for key in ("id", "action", "target", "run_id")}
        ended = {"outcome": outcome.word, "why": outcome.why, "counts": outcome.counts or {}}
        return self._append({**kept, "step": "outcome", **ended})

    def read(self) -> Chain:
        """All entries, with the first broken line if there is one. Raises AuditFailed."""
        try:
            if not self.path.exists() and not self._head_path.exists():
                return Chain(())
            with self._locked():
                data = self.path.read_bytes() if self.path.exists() else b""
                return read_chain(data, self._head())
        except (OSError, TimeoutError) as error:
            raise self._failed(error, "can't be read", "Correct the rights of the state folder.") from error

    @property
    def _head_path(self) -> Path:
        return self._folder / "audit.head"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(private_folder(self._folder) / "audit.lock", LOCK_DEADLINE_S):
            yield

    def _append(self, body: Mapping[str, object]) -> Entry:
        entry = safe_json({"log": self.log, "at": self._clock().isoformat(timespec="milliseconds"), **body})
        try:
            with self._locked(), _opened(self.path) as log:
                head = self._ready(log)
                line, after = sealed(entry, head)
                _write_whole(log, line, head.size)
                self._confirm(after)
        except (OSError, TimeoutError) as error:
            raise self._failed(error, "can't be written", _NO_ACTION) from error
        written: Entry = json.loads(line)
        return written

    def _ready(self, log: int) -> Head:
        """The head to go on from: lines of a writer that died before confirming are taken, half a line is removed."""
        size, head = os.fstat(log).st_size, self._head()
        if head is None:
            # Without a record of its length the log goes on in a way that shows: the next line follows no other.
            head = Head(size=size) if size else Head()
            self._confirm(head)
        if size > head.size:
            head, left_over = unconfirmed(os.pread(log, size - head.size, head.size), head)
            os.ftruncate(log, size - left_over)
        # A log that was cut goes on at its end; the missing lines stay missing, and verifying says so.
        return Head(head.lines, min(head.size, os.fstat(log).st_size), head.hash)

    def _head(self) -> Head | None:
        try:
            return Head(**json.loads(self._head_path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return None

    def _confirm(self, head: Head) -> None:
        write_atomically(self._head_path, json.dumps(asdict(head)).encode("ascii"))

    def _failed(self, error: Exception, what: str, hint: str) -> AuditFailed:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return AuditFailed(f"The audit log {what}: {reason}.", where=str(self.path), hint=hint)


def _machine() -> str:
    """The machine's own mark; "" where it has none, as in many containers."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if is_new:
            sync_folder(path.parent)
        yield handle
    finally:
        os.close(handle)


def _write_whole(log: int, line: bytes, at: int) -> None:
    """Writes the line to disk, or nothing of it. Raises OSError."""
    try:
        written = 0
        while written < len(line):
            written += os.pwrite(log, line[written:], at + written)
        os.fsync(log)
    except OSError:
        os.ftruncate(log, at)
        raise
